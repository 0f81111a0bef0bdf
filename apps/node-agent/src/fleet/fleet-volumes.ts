import type { Description, VolumeReport } from '@certfleet/shared/gen/fleet/v1/fleet.ts';

/** An answer to the controller's question, whichever question it was. */
export type VolumeDescription = Omit<Description, 'requestId'>;

/** The volumes of this node, as the link to the controller sees them. */
export interface FleetVolumes {
  ids(): readonly string[];
  /** How the volume stands now; undefined when the node no longer has it. */
  report(volumeId: string): VolumeReport | undefined;
  /** What stands in the volume's certificate and CA files now; never throws. */
  describe(volumeId: string): VolumeDescription;
  /** Calls back whenever a volume has come, changed or gone; undefined ends it. */
  onChange(listener: ((volumeId: string) => void) | undefined): void;
  /**
   * Replaces the certificate of one generation, if that is still the volume's. A person's request passes over the minimum
   * interval since the last success and the back-off after a final refusal.
   * @returns what came of it: one of a few fixed words
   * @throws CertfleetError when the issuance failed
   */
  renew(volumeId: string, generation: number, isRequestedByPerson: boolean): Promise<string>;
  /** For how many milliseconds from now on automatic renewals of the volume are refused; 0 when they are not. */
  automaticWaitMs(volumeId: string): number;
  /**
   * Leaves the renewal of one generation to the controller until a time, if that is still the volume's.
   * @returns what came of it: one of a few fixed words
   */
  defer(volumeId: string, generation: number, until: Date): Promise<string>;
}
