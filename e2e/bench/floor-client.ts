// The floor, a process like the agent: the minimum to get a certificate from cert-manager. Keys, CSRs and request
// bodies are prepared before the clock starts; there are no files, mounts or kubelet calls.
import { randomUUID } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { Pool } from 'undici';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';
import { decodeLines } from '@certfleet/shared/kube/line-decoder.ts';
import { createCertificateSigningRequest } from '../../apps/node-agent/src/crypto/certificate-signing-request.ts';
import { generatePrivateKey } from '../../apps/node-agent/src/crypto/private-key.ts';
import { certificateRequestManifest } from '../../apps/node-agent/src/issuance/certificate-request.ts';
import { parseVolumeSpec } from '../../apps/node-agent/src/spec/parse-volume-spec.ts';
import { idHash, nodeIdHashLabel } from '../../apps/node-agent/src/spec/volume-labels.ts';
import type { ApiAccess, FloorOrder } from './floor-order.ts';
import { timed } from './timings.ts';
import type { Timings } from './timings.ts';

const nodeId = 'floor';
const defaultDurationMs = 720 * 3_600_000;

interface WatchEvent {
  readonly type: string;
  readonly object: {
    readonly metadata: { readonly name: string; readonly resourceVersion: string };
    readonly status?: { readonly certificate?: string };
  };
}

class FloorClient {
  readonly #pool: Pool;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #path: string;
  readonly #waiting = new Map<string, () => void>();
  readonly #keys = new Map<string, Promise<KeyObject>>();

  constructor({ host, port, ca, token }: ApiAccess, namespace: string) {
    this.#pool = new Pool(`https://${host}:${port}`, {
      connect: { ca },
      keepAliveTimeout: 30_000,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    this.#path = `/apis/cert-manager.io/v1/namespaces/${namespace}/certificaterequests`;
  }

  /** Opens the watch and resolves when it is established. Errors that it cannot recover from end the process. */
  async open(): Promise<void> {
    const selector = `labelSelector=${encodeURIComponent(`${nodeIdHashLabel}=${idHash(nodeId)}`)}`;
    const list = await this.#request('GET', `${this.#path}?${selector}`);
    const { metadata } = (await list.body.json()) as WatchEvent['object'];
    const path = `${this.#path}?watch=true&timeoutSeconds=7200&${selector}`;
    void this.#follow(path, await this.#watch(path, metadata.resourceVersion), metadata.resourceVersion);
  }

  /** Gets a certificate for each volume. */
  async issue(volumes: readonly InlineVolume[], concurrency: number): Promise<Timings> {
    const requests = await Promise.all(volumes.map((volume) => this.#prepare(volume)));
    return timed(requests.length, concurrency, async (index) => {
      const request = requests[index];
      if (request === undefined) return;
      const { promise: issued, resolve } = Promise.withResolvers<void>();
      this.#waiting.set(request.name, resolve);
      const response = await this.#request('POST', this.#path, request.body);
      await response.body.text();
      await issued;
    });
  }

  async #prepare({ volumeId, volumeContext }: InlineVolume): Promise<{ name: string; body: string }> {
    const spec = parseVolumeSpec(volumeContext, { nodeName: 'node-1', defaultDurationMs, volumeMountGroup: '' });
    // One key per kind is enough: the cost for the issuer does not depend on the key.
    const kind = `${spec.key.algorithm} ${spec.key.size}`;
    const known = this.#keys.get(kind) ?? generatePrivateKey(spec.key);
    this.#keys.set(kind, known);
    const csrPem = createCertificateSigningRequest({ ...spec, key: await known });
    const name = `${spec.pod.name}-${randomUUID()}`;
    const request = { requestName: name, volumeId, spec, csrPem, serviceAccountToken: undefined };
    return { name, body: JSON.stringify(certificateRequestManifest(request, nodeId)) };
  }

  async #request(method: 'GET' | 'POST', path: string, body?: string): ReturnType<Pool['request']> {
    const response = await this.#pool.request({ method, path, headers: this.#headers, body: body ?? null });
    if (response.statusCode >= 300) {
      throw new Error(`expected success, found ${response.statusCode}: ${await response.body.text()}`);
    }
    return response;
  }

  async #watch(path: string, from: string): Promise<AsyncIterable<Uint8Array>> {
    return (await this.#request('GET', `${path}&resourceVersion=${from}`)).body;
  }

  /** The server may end a watch at any time: like every client, it resumes from the last version. */
  async #follow(path: string, first: AsyncIterable<Uint8Array>, from: string): Promise<void> {
    let last = from;
    for (let body = first; ; body = await this.#watch(path, last)) {
      for await (const line of decodeLines(body, 8 * 1024 * 1024)) {
        const { type, object } = JSON.parse(line) as WatchEvent;
        if (type === 'ERROR') throw new Error(`expected an event from the watch, found ${line}`);
        last = object.metadata.resourceVersion;
        if (object.status?.certificate === undefined) continue;
        this.#waiting.get(object.metadata.name)?.();
        this.#waiting.delete(object.metadata.name);
      }
    }
  }
}

let client: FloorClient | undefined;

async function obey(order: FloorOrder): Promise<Timings | undefined> {
  if (order.kind === 'issue') return client?.issue(order.volumes, order.concurrency);
  client = new FloorClient(order.access, order.namespace);
  await client.open();
  return undefined;
}

process.on('message', (order: FloorOrder) => {
  void obey(order).then((timings) => process.send?.(timings ?? null));
});
process.on('disconnect', () => process.exit());
