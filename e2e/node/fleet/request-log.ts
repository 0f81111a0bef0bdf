import { open } from 'node:fs/promises';

/** The life of a CertificateRequest, from the API server's audit log. */
export interface LoggedRequest {
  readonly name: string;
  readonly namespace: string;
  /** Name of the issuer. */
  readonly issuer: string;
  /** The generation of its volume's certificate, from its name. */
  readonly generation: number;
  /** When the API server received it, in milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** When its certificate was written; undefined while it is not signed. */
  readonly signedAtMs: number | undefined;
  /** The CA that its certificate was returned with, in base64; undefined while it is not signed. */
  readonly ca: string | undefined;
}

interface AuditEvent {
  readonly verb: string;
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly objectRef: { readonly namespace: string; readonly name?: string; readonly subresource?: string };
  readonly responseStatus: { readonly code: number };
  readonly responseObject?: {
    readonly metadata: { readonly name: string; readonly creationTimestamp: string };
    /** Undefined in the Status that answers a deletion. */
    readonly spec?: { readonly issuerRef: { readonly name: string } };
    readonly status?: { readonly certificate?: string; readonly ca?: string };
  };
}

/** The CertificateRequests in an audit log, of which each read continues where the last one ended. */
export class RequestLog {
  readonly #path: string;
  readonly #requests = new Map<string, LoggedRequest>();
  #offset = 0;
  #reading: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** All of them so far, in order of creation. */
  async read(): Promise<readonly LoggedRequest[]> {
    // A second reader would note the same lines again.
    this.#reading = this.#reading.then(() => this.#readOn());
    await this.#reading;
    return [...this.#requests.values()];
  }

  async #readOn(): Promise<void> {
    const file = await open(this.#path);
    try {
      const { size } = await file.stat();
      const { buffer } = await file.read(Buffer.alloc(size - this.#offset), 0, size - this.#offset, this.#offset);
      // The last line may be incomplete.
      const end = buffer.lastIndexOf('\n') + 1;
      this.#offset += end;
      buffer
        .toString('utf8', 0, end)
        .split('\n')
        .forEach((line) => this.#take(line));
    } finally {
      await file.close();
    }
  }

  #take(line: string): void {
    // Most lines are of other resources.
    if (!line.includes('"resource":"certificaterequests"') || !line.endsWith('}')) return;
    const event = JSON.parse(line) as AuditEvent;
    if (event.responseStatus.code < 300) note(this.#requests, event);
  }
}

function note(requests: Map<string, LoggedRequest>, event: AuditEvent): void {
  const { verb, objectRef, responseObject } = event;
  if (responseObject?.spec === undefined || verb === 'delete') return;
  const { namespace, subresource } = objectRef;
  const { name, creationTimestamp } = responseObject.metadata;
  const key = `${namespace}/${name}`;
  const isCreate = verb === 'create' && subresource === undefined;
  // The event of a creation is missing if the API server was killed before it wrote it.
  const createdAtMs = Date.parse(isCreate ? event.requestReceivedTimestamp : creationTimestamp);
  const issuer = responseObject.spec.issuerRef.name;
  const fresh = { name, namespace, issuer, generation: generationOf(name), createdAtMs };
  const known = (isCreate ? undefined : requests.get(key)) ?? { ...fresh, signedAtMs: undefined, ca: undefined };
  const { certificate, ca } = responseObject.status ?? {};
  const signedAtMs = certificate === undefined ? undefined : Date.parse(event.stageTimestamp);
  requests.set(key, { ...known, signedAtMs: known.signedAtMs ?? signedAtMs, ca: known.ca ?? ca });
}

const nameGrammar = /^(?<pod>.+)-[0-9a-f]{12}-(?<generation>\d+)(?:-\d+)?$/;

/** The pod of a request, from the request's name. */
export const podOf = (name: string): string => nameGrammar.exec(name)?.groups?.['pod'] ?? name;

/** The name of a replacement ends with the number of earlier requests, after the generation. */
const generationOf = (name: string): number => Number(nameGrammar.exec(name)?.groups?.['generation']);

/** Starts above a rate and burst, as text; the observed delay of starts may vary by the tolerance. */
export function tooFast(
  timesMs: readonly number[],
  { ratePerSecond, burst }: { readonly ratePerSecond: number; readonly burst: number },
  toleranceMs: number,
): readonly string[] {
  const sorted = [...timesMs].sort((a, b) => a - b);
  const found: string[] = [];
  for (const [first, from] of sorted.entries()) {
    for (const [last, to] of sorted.entries()) {
      const minMs = ((last - first + 1 - burst) * 1000) / ratePerSecond - toleranceMs;
      if (last > first && to - from < minMs) found.push(`${last - first + 1} starts within ${to - from} ms`);
    }
  }
  return found;
}

/** The maximum of concurrent unsigned requests. */
export function maxAtOnce(requests: readonly LoggedRequest[]): number {
  const steps = requests.flatMap(({ createdAtMs, signedAtMs = Infinity }) => [
    { atMs: createdAtMs, by: 1 },
    { atMs: signedAtMs, by: -1 },
  ]);
  // An end and a start in the same millisecond do not overlap.
  steps.sort((a, b) => a.atMs - b.atMs || a.by - b.by);
  let [now, most] = [0, 0];
  for (const { by } of steps) most = Math.max(most, (now += by));
  return most;
}
