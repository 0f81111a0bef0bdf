import type { Description, VolumeReport } from '@certfleet/shared/gen/fleet/v1/fleet.ts';

/** The description of a volume, without the id of the request. */
export type VolumeDescription = Omit<Description, 'requestId'>;

/** The volumes of this node, as the link to the controller uses them. */
export interface FleetVolumes {
  ids(): readonly string[];
  /** The report on a volume; undefined if the node does not have it. */
  report(volumeId: string): VolumeReport | undefined;
  /** The content of the volume's certificate and CA files; never throws. */
  describe(volumeId: string): VolumeDescription;
  /** Sets the listener for added, changed and removed volumes; undefined removes it. */
  onChange(listener: ((volumeId: string) => void) | undefined): void;
  /**
   * Replaces the certificate of one generation if the volume still has it. A person's request ignores the minimum
   * interval since the last success and the back-off after a final refusal.
   * @returns the outcome, from a fixed set
   * @throws CertfleetError if the issuance failed
   */
  renew(volumeId: string, generation: number, isRequestedByPerson: boolean): Promise<string>;
  /** Milliseconds for which automatic renewals of the volume are refused; 0 if they are not. */
  automaticWaitMs(volumeId: string): number;
  /**
   * Milliseconds for which a renewal of the volume, also one in progress, cannot change anything although nothing failed:
   * a readiness gate is closed, or the new certificate is not valid yet. 0 if a renewal can succeed.
   */
  deferredForMs?(volumeId: string): number;
  /**
   * Leaves the renewal of one generation to the controller until a time, if the volume still has that generation.
   * @returns the outcome, from a fixed set
   */
  defer(volumeId: string, generation: number, until: Date): Promise<string>;
}
