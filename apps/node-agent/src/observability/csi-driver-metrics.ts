import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

/** The fields of a volume in the metrics of cert-manager's csi-driver. */
export interface CsiDriverVolume {
  readonly volumeId: string;
  readonly namespace: string;
  /** The CertificateRequest of the current certificate, or the one that is waited for. */
  readonly requestName: string;
  readonly issuer: { readonly name: string; readonly kind: string; readonly group: string };
  /** Status of the request's condition Ready. */
  readonly ready: ReadyStatus;
  readonly notAfter: Date | undefined;
  readonly renewAt: Date | undefined;
}

const readyStatuses = ['True', 'False', 'Unknown'] as const;
export type ReadyStatus = (typeof readyStatuses)[number];

interface Attempts {
  readonly calls: number;
  readonly errors: number;
}

const requestLabels = ['name', 'namespace', 'issuer_name', 'issuer_kind', 'issuer_group'] as const;
type RequestLabels = Record<(typeof requestLabels)[number], string>;

function labelsOf({ requestName, namespace, issuer }: CsiDriverVolume): RequestLabels {
  const { name, kind, group } = issuer;
  return { name: requestName, namespace, issuer_name: name, issuer_kind: kind, issuer_group: group };
}

const seconds = (date: Date | undefined): number => Math.floor((date?.getTime() ?? 0) / 1000);

/**
 * The metrics of cert-manager's csi-driver under their names, for its dashboards and alerts. Unlike the agent's own
 * metrics they are labelled by volume and request, as there; series of removed volumes disappear.
 */
export class CsiDriverMetrics {
  readonly #volumes: () => readonly CsiDriverVolume[];
  readonly #nodeHash: string;
  readonly #attempts = new Map<string, Attempts>();

  /** @param nodeHash the node's id as in the labels of its CertificateRequests */
  constructor(registry: Registry, nodeHash: string, volumes: () => readonly CsiDriverVolume[]) {
    this.#volumes = volumes;
    this.#nodeHash = nodeHash;
    this.#addRequests(registry);
    this.#addCounts(registry);
    this.#addAttempts(registry);
  }

  attemptEnded(volumeId: string, isError: boolean): void {
    const { calls, errors } = this.#attempts.get(volumeId) ?? { calls: 0, errors: 0 };
    this.#attempts.set(volumeId, { calls: calls + 1, errors: errors + (isError ? 1 : 0) });
  }

  #addRequests(registry: Registry): void {
    const volumes = this.#volumes;
    const gauge = <Label extends string>(
      name: string,
      help: string,
      labelNames: readonly Label[],
      collect: (gauge: Gauge<Label>, volume: CsiDriverVolume) => void,
    ): void => {
      new Gauge({
        name: `certmanager_csi_certificate_request_${name}`,
        help,
        labelNames,
        registers: [registry],
        collect() {
          this.reset();
          for (const volume of volumes()) collect(this, volume);
        },
      });
    };
    gauge(
      'ready_status',
      "1 for the status of the request's condition Ready, 0 for the other ones.",
      [...requestLabels, 'condition'],
      (metric, volume) => {
        for (const condition of readyStatuses) {
          metric.set({ ...labelsOf(volume), condition }, volume.ready === condition ? 1 : 0);
        }
      },
    );
    gauge(
      'expiration_timestamp_seconds',
      "Not-after of the request's certificate; 0 without one.",
      requestLabels,
      (metric, volume) => metric.set(labelsOf(volume), seconds(volume.notAfter)),
    );
    gauge('renewal_timestamp_seconds', 'Planned renewal; 0 without one.', requestLabels, (metric, volume) =>
      metric.set(labelsOf(volume), seconds(volume.renewAt)),
    );
  }

  #addCounts(registry: Registry): void {
    const [node, volumes] = [this.#nodeHash, this.#volumes];
    for (const [name, help] of [
      ['managed_volume_count', 'Volumes of the node.'],
      ['managed_certificate_request_count', 'Certificate requests of the volumes of the node.'],
    ] as const) {
      new Gauge({
        name: `certmanager_csi_${name}`,
        help,
        labelNames: ['node'],
        registers: [registry],
        collect() {
          this.set({ node }, volumes().length);
        },
      });
    }
  }

  #addAttempts(registry: Registry): void {
    const [node, attempts] = [this.#nodeHash, this.#attempts];
    const forgetRemoved = (): void => this.#forgetRemoved();
    for (const [name, help, count] of [
      ['driver_issue_call_count_total', 'Attempts to issue a certificate for the volume.', 'calls'],
      ['driver_issue_error_count_total', 'Failed attempts to issue a certificate for the volume.', 'errors'],
    ] as const) {
      new Counter({
        name: `certmanager_csi_${name}`,
        help,
        labelNames: ['node', 'volume'],
        registers: [registry],
        collect() {
          forgetRemoved();
          this.reset();
          for (const [volume, counts] of attempts) this.inc({ node, volume }, counts[count]);
        },
      });
    }
  }

  /** Limits the memory to the volumes of the node. */
  #forgetRemoved(): void {
    const ids = new Set(this.#volumes().map(({ volumeId }) => volumeId));
    for (const volumeId of this.#attempts.keys()) if (!ids.has(volumeId)) this.#attempts.delete(volumeId);
  }
}
