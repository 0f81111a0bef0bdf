import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { SignerGauge } from '../observability/signer-metrics.ts';
import { compilePolicy } from '../policy/signer-policy.ts';
import type { SignerObject, SignerPolicy } from '../policy/signer-policy.ts';
import type { PodCertificateRequest } from '../requests/pod-certificate-request.ts';
import type { SignerWork } from './signer-work.ts';

/** Whether a PodCertificateSigner can sign, as its condition Ready says it. */
export interface SignerState {
  readonly object: SignerObject;
  readonly reason: 'Ready' | 'InvalidSpec' | 'SignerNameConflict' | 'IssuerUnavailable';
  readonly message: string;
}

interface KnownSigner {
  readonly object: SignerObject;
  /** Undefined if the spec is invalid. */
  readonly policy: SignerPolicy | undefined;
  readonly problem: string | undefined;
}

interface ActiveWork {
  readonly version: string;
  readonly work: SignerWork;
}

/**
 * Assigns the pending requests to the PodCertificateSigners of their signer names. Two objects with one signer name sign
 * nothing: which policy applies would depend on chance. Only the leader has work.
 */
export class Coordinator {
  readonly #createWork: (policy: SignerPolicy) => SignerWork;
  /** The pending requests, of all signer names. */
  readonly #requests = new Map<string, PodCertificateRequest>();
  readonly #signers = new Map<string, KnownSigner>();
  readonly #active = new Map<string, ActiveWork>();
  #isLeading = false;

  constructor(createWork: (policy: SignerPolicy) => SignerWork) {
    this.#createWork = createWork;
  }

  get isLeading(): boolean {
    return this.#isLeading;
  }

  /** The newest version of a pending request. */
  latest(uid: string): PodCertificateRequest | undefined {
    return this.#requests.get(uid);
  }

  setRequest(request: PodCertificateRequest): void {
    if (!request.isPending) {
      this.removeRequest(request.uid);
      return;
    }
    this.#requests.set(request.uid, request);
    this.#workOf(request.signerName)?.put(request);
  }

  removeRequest(uid: string): void {
    const request = this.#requests.get(uid);
    if (request === undefined) return;
    this.#requests.delete(uid);
    this.#workOf(request.signerName)?.remove(uid);
  }

  syncRequests(requests: readonly PodCertificateRequest[]): void {
    const listed = new Set(requests.map(({ uid }) => uid));
    for (const uid of this.#requests.keys()) if (!listed.has(uid)) this.removeRequest(uid);
    for (const request of requests) this.setRequest(request);
  }

  setSigner(object: SignerObject): void {
    this.#signers.set(object.name, knownSigner(object));
    this.#reconcile();
  }

  removeSigner(name: string): void {
    this.#signers.delete(name);
    this.#reconcile();
  }

  syncSigners(objects: readonly SignerObject[]): void {
    this.#signers.clear();
    for (const object of objects) this.#signers.set(object.name, knownSigner(object));
    this.#reconcile();
  }

  /** A pod starts, or does not start any more. */
  podChanged(podUid: string): void {
    for (const { work } of this.#active.values()) work.podChanged(podUid);
  }

  lead(): void {
    this.#isLeading = true;
    this.#reconcile();
  }

  resign(): void {
    this.#isLeading = false;
    this.#reconcile();
  }

  states(): readonly SignerState[] {
    return [...this.#signers.values()].map((signer) => this.#stateOf(signer));
  }

  gauges(): readonly SignerGauge[] {
    return [...this.#signers.values()].map((signer) => ({
      name: signer.object.name,
      pending: this.#active.get(signer.object.name)?.work.pending ?? 0,
      oldestStartingMs: this.#active.get(signer.object.name)?.work.oldestStartingMs ?? 0,
      isReady: this.#stateOf(signer).reason === 'Ready',
    }));
  }

  /** The signers that sign now. */
  active(): readonly SignerWork[] {
    return [...this.#active.values()].map(({ work }) => work);
  }

  #stateOf({ object, policy, problem }: KnownSigner): SignerState {
    if (policy === undefined) return { object, reason: 'InvalidSpec', message: problem ?? '' };
    const others = this.#namedLike(policy).filter(({ name }) => name !== object.name);
    if (others.length > 0) {
      const names = others.map(({ name }) => name).join(', ');
      const message = `the signer name is also that of ${names}: no request of it is signed`;
      return { object, reason: 'SignerNameConflict', message };
    }
    const failure = this.#active.get(object.name)?.work.problem;
    if (failure !== undefined) return { object, reason: 'IssuerUnavailable', message: failure };
    return { object, reason: 'Ready', message: `signs requests of ${policy.signerName}` };
  }

  #namedLike({ signerName }: SignerPolicy): readonly SignerPolicy[] {
    return [...this.#signers.values()].flatMap(({ policy }) => (policy?.signerName === signerName ? [policy] : []));
  }

  #workOf(signerName: string): SignerWork | undefined {
    for (const { policy } of this.#signers.values()) {
      if (policy?.signerName === signerName) return this.#active.get(policy.name)?.work;
    }
    return undefined;
  }

  /** Work for each signer name with one valid object; a changed policy decides again about all pending requests. */
  #reconcile(): void {
    const wanted = this.#isLeading
      ? [...this.#signers.values()].flatMap(({ object, policy }) =>
          policy !== undefined && this.#namedLike(policy).length === 1
            ? [{ policy, version: `${object.uid}/${object.generation}` }]
            : [],
        )
      : [];
    const versions = new Map(wanted.map(({ policy, version }) => [policy.name, version]));
    for (const [name, { work, version }] of this.#active) {
      if (versions.get(name) === version) continue;
      work.stop();
      this.#active.delete(name);
    }
    for (const { policy, version } of wanted) {
      if (this.#active.has(policy.name)) continue;
      const work = this.#createWork(policy);
      this.#active.set(policy.name, { work, version });
      for (const request of this.#requests.values()) if (request.signerName === policy.signerName) work.put(request);
    }
  }
}

function knownSigner(object: SignerObject): KnownSigner {
  try {
    return { object, policy: compilePolicy(object), problem: undefined };
  } catch (thrown) {
    return { object, policy: undefined, problem: asCertfleetError(thrown).message };
  }
}
