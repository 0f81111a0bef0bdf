import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readDerChildren } from '@certfleet/shared/der-reader.ts';
import { parseGoDuration } from '@certfleet/shared/go-duration.ts';
import { signCertificate } from '../../libs/shared/src/x509/certificate-builder.ts';
import { encodeDistinguishedName } from '../../libs/shared/src/x509/distinguished-name.ts';
import { parsePem } from '../../libs/shared/src/x509/pem.ts';
import { readCertificateSigningRequest } from '../../libs/shared/src/x509/read-certificate-signing-request.ts';
import { basicConstraintsExtension } from '../../libs/shared/src/x509/x509-extensions.ts';
import type { ApiObject } from './api-objects.ts';
import type { ApiServer } from './api-server.ts';
import type { KeyRing } from './key-ring.ts';
import type { Random } from './random.ts';
import type { SimulatedTime, WallClocks } from './simulated-time.ts';

/** The constant properties of an issuer. */
export interface IssuerPlan {
  readonly name: string;
  readonly latencyMs: number;
  /** How far it sets not-before into the past. */
  readonly backdateMs: number;
  /** The maximum lifetime that it grants. */
  readonly maxLifetimeMs: number;
  readonly givesCa: boolean;
}

/** The temporary faults of an issuer. */
export type IssuerFault =
  'away' | 'silent' | 'deny' | 'fail' | 'wrong-key' | 'garbage' | 'expired' | 'no-ca' | 'slow' | 'other-ca';

/** A signed certificate. */
export interface Signed {
  readonly object: ApiObject;
  readonly notAfterMs: number;
  /** The granted lifetime from the moment of signing, by the issuer's clock. */
  readonly lifetimeMs: number;
}

interface Authority {
  readonly key: KeyObject;
  readonly name: Buffer;
  readonly certificatePem: string;
}

const slowMs = 25_000;

/** The issuers of the cluster, and cert-manager's controllers. */
export class Issuers {
  readonly #server: ApiServer;
  readonly #time: SimulatedTime;
  readonly #walls: WallClocks;
  readonly #random: Random;
  readonly #keys: KeyRing;
  readonly #plans: ReadonlyMap<string, IssuerPlan>;
  readonly #faults = new Map<string, { readonly fault: IssuerFault; readonly untilMs: number }>();
  readonly #authorities = new Map<string, Authority>();
  #serial = 1n;
  /** The approver's delay for a pod's requests. */
  approvalMs: (object: ApiObject) => number = () => 0;
  /** Called on every certificate that was signed for the requested key. */
  onSigned: ((signed: Signed) => void) | undefined;
  /** Called on every request that got a faulty answer. */
  onFault: ((object: ApiObject, fault: IssuerFault) => void) | undefined;

  constructor(parts: {
    server: ApiServer;
    time: SimulatedTime;
    walls: WallClocks;
    random: Random;
    keys: KeyRing;
    plans: readonly IssuerPlan[];
  }) {
    this.#server = parts.server;
    this.#time = parts.time;
    this.#walls = parts.walls;
    this.#random = parts.random;
    this.#keys = parts.keys;
    this.#plans = new Map(parts.plans.map((plan) => [plan.name, plan]));
  }

  /** Lets an issuer fail until a time. */
  fail(name: string, fault: IssuerFault, untilMs: number): void {
    this.#faults.set(name, { fault, untilMs });
  }

  heal(): void {
    this.#faults.clear();
  }

  /** Replaces the issuer's CA. */
  rotate(name: string): void {
    this.#authorities.delete(name);
  }

  /** cert-manager handles a new request. */
  receive(object: ApiObject): void {
    const plan = this.#planOf(object);
    if (plan === undefined) return;
    // Approved but never handled by the issuer, which answers later requests.
    const isIgnored = this.#faultOf(plan) === 'silent';
    if (isIgnored) this.onFault?.(object, 'silent');
    this.#time.after(this.approvalMs(object), () => {
      this.#update(object, (each) => {
        setCondition(each, { type: 'Approved', status: 'True', reason: 'Approved', message: 'simulated' });
      });
      if (isIgnored) return;
      this.#time.after(plan.latencyMs * this.#random.between(0.5, 1.5), () => this.#answer(object, plan));
    });
  }

  #answer(object: ApiObject, plan: IssuerPlan): void {
    const fault = this.#faultOf(plan);
    if (fault !== undefined) this.onFault?.(object, fault);
    const retryMs = fault === 'away' || fault === 'silent' ? this.#untilMs(plan) - this.#time.nowMs + 1 : 0;
    if (retryMs > 0) this.#time.after(retryMs, () => this.#answer(object, plan));
    else if (fault === 'slow') this.#time.after(slowMs, () => this.#sign(object, plan, undefined));
    else if (fault === 'deny') this.#refuse(object, 'Denied');
    else if (fault === 'fail') this.#refuse(object, 'Failed');
    else this.#sign(object, plan, fault);
  }

  #refuse(object: ApiObject, reason: 'Denied' | 'Failed'): void {
    this.#update(object, (each) => {
      if (reason === 'Denied')
        setCondition(each, { type: 'Denied', status: 'True', reason: 'Policy', message: 'simulated' });
      setCondition(each, { type: 'Ready', status: 'False', reason, message: 'simulated' });
      each.status = { ...each.status, failureTime: new Date(this.#walls.now('issuer')).toISOString() };
    });
  }

  #sign(object: ApiObject, plan: IssuerPlan, fault: IssuerFault | undefined): void {
    const { request, duration } = object.spec as { request: string; duration: string };
    const askedMs = parseGoDuration(duration);
    const lifetimeMs = Math.min(askedMs, plan.maxLifetimeMs);
    const nowMs = this.#walls.now('issuer');
    const shiftMs = fault === 'expired' ? -2 * lifetimeMs : 0;
    const notAfterMs = Math.floor((nowMs + lifetimeMs + shiftMs) / 1000) * 1000;
    // Also of an issuer whose clock is behind by more than the lifetime.
    if (fault === undefined && notAfterMs <= this.#walls.trueMs) this.onFault?.(object, 'expired');
    const authority = this.#authority(fault === 'other-ca' ? `${plan.name}/other` : plan.name);
    const pem = signCertificate(
      {
        serialNumber: this.#serial++,
        issuer: authority.name,
        ...this.#contents(request, fault),
        notBefore: new Date(nowMs - plan.backdateMs + shiftMs),
        notAfter: new Date(notAfterMs),
        extensions: [basicConstraintsExtension(false), ...requestedNames(request)],
      },
      authority.key,
    );
    const isUsable = fault !== 'wrong-key' && fault !== 'garbage';
    this.#update(object, (each) => {
      setCondition(each, { type: 'Ready', status: 'True', reason: 'Issued', message: 'simulated' });
      const chain = fault === 'garbage' ? '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' : pem;
      const ca = plan.givesCa && fault !== 'no-ca' ? { ca: base64(authority.certificatePem) } : {};
      each.status = { ...each.status, certificate: base64(chain), ...ca };
      if (isUsable) this.onSigned?.({ object: each, notAfterMs, lifetimeMs });
    });
  }

  #contents(request: string, fault: IssuerFault | undefined): { subject: Buffer; publicKey: Buffer } {
    const [block] = parsePem(Buffer.from(request, 'base64').toString('utf8'));
    const [information] = block === undefined ? [] : readDerChildren(block.der);
    const [, subject, publicKey] = information === undefined ? [] : readDerChildren(information.encoded);
    if (subject === undefined || publicKey === undefined) throw new Error('expected a certificate signing request');
    const other = (): Buffer => createPublicKey(this.#keys.next()).export({ type: 'spki', format: 'der' });
    return { subject: subject.encoded, publicKey: fault === 'wrong-key' ? other() : publicKey.encoded };
  }

  #authority(name: string): Authority {
    const known = this.#authorities.get(name);
    if (known !== undefined) return known;
    const key = this.#keys.next();
    const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
    const subject = encodeDistinguishedName([[{ oid: '2.5.4.3', value: `${name} ${this.#serial}` }]]);
    const nowMs = this.#walls.trueMs;
    const years = 365 * 86_400_000;
    const certificatePem = signCertificate(
      {
        serialNumber: this.#serial++,
        issuer: subject,
        subject,
        notBefore: new Date(nowMs - years),
        notAfter: new Date(nowMs + 10 * years),
        publicKey,
        extensions: [basicConstraintsExtension(true)],
      },
      key,
    );
    const authority = { key, name: subject, certificatePem };
    this.#authorities.set(name, authority);
    return authority;
  }

  #planOf(object: ApiObject): IssuerPlan | undefined {
    const { issuerRef } = object.spec as { issuerRef: { name: string } };
    return this.#plans.get(issuerRef.name);
  }

  #faultOf(plan: IssuerPlan): IssuerFault | undefined {
    const known = this.#faults.get(plan.name);
    return known !== undefined && known.untilMs > this.#time.nowMs ? known.fault : undefined;
  }

  #untilMs({ name }: IssuerPlan): number {
    return this.#faults.get(name)?.untilMs ?? 0;
  }

  #update(object: ApiObject, change: (object: ApiObject) => void): void {
    this.#server.objects.update('certificaterequests', object, change);
  }
}

const subjectAltNameOid = Buffer.from('0603551d11', 'hex');

/** The SubjectAltName extension of a request; most requests of the simulation have none. */
function requestedNames(request: string): readonly Buffer[] {
  const pem = Buffer.from(request, 'base64').toString('utf8');
  if (parsePem(pem)[0]?.der.includes(subjectAltNameOid) !== true) return [];
  const { subjectAltName } = readCertificateSigningRequest(pem);
  return subjectAltName === undefined ? [] : [subjectAltName];
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

function setCondition(object: ApiObject, condition: Condition): void {
  const { conditions = [] } = (object.status ?? {}) as { conditions?: readonly Condition[] };
  object.status = {
    ...object.status,
    conditions: [...conditions.filter(({ type }) => type !== condition.type), condition],
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
