import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';

import type { ErrorReason } from '@certfleet/shared/error-reasons.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';

import { createCertificateSigningRequest } from '../crypto/certificate-signing-request.ts';
import type { ApiRequest } from '@certfleet/shared/kube/api-client.ts';
import { testVolumeSpec } from '../spec/testing/volume-spec.ts';
import { CertManagerIssuer } from './cert-manager-issuer.ts';
import type { IssueRequest } from './certificate-issuer.ts';
import { asksFor, certificateRequestManifest, ownedBy, viewCertificateRequest } from './certificate-request.ts';

const spec = testVolumeSpec({
  pod: { name: 'cart', namespace: 'shop', uid: 'pod-uid', serviceAccountName: 'default' },
  durationMs: 5_400_000,
  annotations: { 'example.com/team': 'shop' },
});
const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const request: IssueRequest = {
  requestName: 'r-1',
  volumeId: 'csi-1',
  spec,
  csrPem: createCertificateSigningRequest({ ...spec, key }),
  serviceAccountToken: undefined,
};

type Body = Record<string, unknown> & { metadata: Record<string, unknown> };

/** The object as the API server would store it. */
function stored(changes: { uid?: string; status?: unknown; csrPem?: string; podUid?: string } = {}): Body {
  const podUid = changes.podUid ?? spec.pod.uid;
  const from = {
    ...request,
    csrPem: changes.csrPem ?? request.csrPem,
    spec: { ...spec, pod: { ...spec.pod, uid: podUid } },
  };
  const manifest = certificateRequestManifest(from, 'node-a') as Body;
  const metadata = { ...manifest.metadata, uid: changes.uid ?? 'uid-1', resourceVersion: '2' };
  return { ...manifest, metadata, ...(changes.status === undefined ? {} : { status: changes.status }) };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const condition = (type: string, status: string, reason = '', message = ''): object => ({
  type,
  status,
  reason,
  message,
});
const issuedStatus = {
  conditions: [condition('Ready', 'True', 'Issued')],
  certificate: base64('CERT'),
  ca: base64('CA'),
};

interface Fixture {
  readonly issuer: CertManagerIssuer;
  readonly requests: ApiRequest[];
  readonly clock: ManualClock;
  /** Sends an event on the open watch. */
  readonly emit: (type: string, object: Body) => Promise<void>;
  /** Ends the open watch; the next list returns these objects. */
  readonly relist: (items: readonly Body[]) => Promise<void>;
  /** Ends the open watch; no later list is answered. */
  readonly holdList: () => Promise<void>;
}

/** An issuer with a fake client: the test answers requests and writes the watch's stream. */
async function setUp(
  t: TestContext,
  answer: (request: ApiRequest) => unknown,
  listed: readonly Body[] = [],
): Promise<Fixture> {
  const requests: ApiRequest[] = [];
  let stream = new Readable();
  let items = listed;
  let isHeld = false;
  const clock = new ManualClock();
  const issuer = new CertManagerIssuer({
    clock,
    nodeId: 'node-a',
    client: {
      request: async (each) => {
        if (each.verb === 'list' && isHeld)
          return await new Promise((_, fail) => each.signal?.addEventListener('abort', fail));
        if (each.verb === 'list') return { metadata: { resourceVersion: '1' }, items };
        requests.push(each);
        return await answer(each);
      },
      watch: (_target, signal) => {
        stream = new Readable({ read: () => undefined });
        const opened = stream;
        signal.addEventListener('abort', () => opened.destroy());
        return Promise.resolve(opened);
      },
    },
  });
  issuer.start();
  await issuer.ready;
  await clock.advance(0);
  t.after(async () => {
    assert.equal(issuer.waiting, 0, 'expected no waiters');
    await issuer.stop();
  });
  const emit = async (type: string, object: object): Promise<void> => {
    stream.push(`${JSON.stringify({ type, object })}\n`);
    await clock.advance(0);
    await clock.advance(0);
  };
  const relist = async (found: readonly Body[]): Promise<void> => {
    items = found;
    await emit('ERROR', { code: 410, reason: 'Expired', message: 'too old' });
    await clock.advance(200);
    await clock.advance(0);
  };
  const holdList = async (): Promise<void> => {
    isHeld = true;
    await relist([]);
  };
  return { issuer, requests, clock, emit, relist, holdList };
}

function refuse(code: CertfleetError['code'], reason: ErrorReason, message = 'no'): Promise<never> {
  return Promise.reject(new CertfleetError(code, message, { reason }));
}

function rejection(code: string, reason: string, message: RegExp): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof CertfleetError, String(thrown));
    assert.deepEqual([thrown.code, thrown.reason], [code, reason], thrown.message);
    assert.match(thrown.message, message);
    return true;
  };
}

const never = new AbortController().signal;

describe('CertManagerIssuer', () => {
  test('creates the request and resolves when the watch reports the certificate', async (t) => {
    const { issuer, requests, emit } = await setUp(t, () => stored());
    const issued = issuer.issue(request, never);
    await emit(
      'MODIFIED',
      stored({ status: { conditions: [condition('Approved', 'True')], certificate: base64('EARLY') } }),
    );
    await emit('MODIFIED', stored({ status: issuedStatus }));
    assert.deepEqual(await issued, { certificatePem: 'CERT', caPem: 'CA' });
    assert.deepEqual(
      requests.map(({ verb }) => verb),
      ['create'],
    );
    const body = requests[0]?.body as Body;
    assert.deepEqual(body['spec'], {
      request: base64(request.csrPem),
      issuerRef: { name: 'ca', kind: 'Issuer', group: 'cert-manager.io' },
      duration: '1h30m0s',
      isCA: false,
      usages: ['digital signature', 'key encipherment'],
    });
    assert.deepEqual(body.metadata['annotations'], { 'example.com/team': 'shop' });
  });

  test('accepts a result that arrives before the response to the create', async (t) => {
    const { issuer, emit } = await setUp(t, () => new Promise(() => undefined));
    const issued = issuer.issue(request, never);
    await emit('MODIFIED', stored({ status: issuedStatus }));
    assert.equal((await issued).certificatePem, 'CERT');
  });

  test('uses the pod’s token only for the create', async (t) => {
    const { issuer, requests } = await setUp(t, ({ verb }) =>
      verb === 'create' ? refuse('already-exists', 'AlreadyExists') : stored({ status: issuedStatus }),
    );
    await issuer.issue({ ...request, serviceAccountToken: 'pod-token' }, never);
    assert.deepEqual(
      requests.map(({ verb, bearer }) => [verb, bearer]),
      [
        ['create', 'pod-token'],
        ['get', undefined],
      ],
    );
  });

  test('resumes its own request although an ECDSA signature differs each time', async (t) => {
    const again = createCertificateSigningRequest({ ...spec, key });
    assert.notEqual(again, request.csrPem);
    const { issuer } = await setUp(t, ({ verb }) =>
      verb === 'create' ? refuse('already-exists', 'AlreadyExists') : stored({ status: issuedStatus, csrPem: again }),
    );
    assert.equal((await issuer.issue(request, never)).caPem, 'CA');
  });

  test('does not use a request of the same name that belongs to another volume, even with its labels', async (t) => {
    const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const otherCsr = createCertificateSigningRequest({ ...spec, key: otherKey });
    const cases = [
      [{ podUid: 'other-pod' }, 'failed-precondition', 'RequestForeign', /a different volume/],
      // Of this pod and volume, but with another key: the volume may discard it.
      [{ csrPem: otherCsr }, 'already-exists', 'RequestStale', /has another key/],
      [{ csrPem: 'rubbish' }, 'already-exists', 'RequestStale', /has another key/],
    ] as const;
    for (const [foreign, code, reason, message] of cases) {
      const { issuer, emit } = await setUp(t, ({ verb }) =>
        verb === 'create' ? refuse('already-exists', 'AlreadyExists') : stored({ ...foreign, status: issuedStatus }),
      );
      const checked = assert.rejects(issuer.issue(request, never), rejection(code, reason, message));
      await emit('MODIFIED', stored({ ...foreign, status: issuedStatus }));
      await checked;
    }
  });

  const answers = [
    [
      'denied',
      [condition('Denied', 'True', 'Policy', 'not your name')],
      'permission-denied',
      'RequestDenied',
      /was denied.*Policy: not your name/,
    ],
    [
      'failed',
      [condition('Ready', 'False', 'Failed', 'CA is broken')],
      'failed-precondition',
      'RequestFailed',
      /2026-01-02.*CA is broken/,
    ],
    [
      'invalid',
      [condition('InvalidRequest', 'True', 'Usages', 'bad')],
      'failed-precondition',
      'RequestFailed',
      /Usages: bad/,
    ],
  ] as const;
  for (const [what, conditions, code, reason, message] of answers) {
    test(`fails at once if the request is ${what}, with the reason`, async (t) => {
      const { issuer, emit } = await setUp(t, () => stored());
      const checked = assert.rejects(issuer.issue(request, never), rejection(code, reason, message));
      await emit('MODIFIED', stored({ status: { conditions, failureTime: '2026-01-02T03:04:05Z' } }));
      await checked;
    });
  }

  test('reports at the deadline why the request is pending', async (t) => {
    const { issuer, emit } = await setUp(t, () => stored());
    const deadline = new AbortController();
    const checked = assert.rejects(
      issuer.issue(request, deadline.signal),
      rejection(
        'deadline-exceeded',
        'RequestUnapproved',
        /shop\/r-1 is still pending: not approved yet; Pending: waiting for the CA$/,
      ),
    );
    await emit(
      'MODIFIED',
      stored({ status: { conditions: [condition('Ready', 'False', 'Pending', 'waiting for the CA')] } }),
    );
    deadline.abort(new DOMException('late', 'TimeoutError'));
    await checked;
  });

  test('distinguishes a cancelled call from a deadline', async (t) => {
    const { issuer } = await setUp(t, () => stored());
    await assert.rejects(
      issuer.issue(request, AbortSignal.abort()),
      rejection('cancelled', 'RequestPending', /pending/),
    );
  });

  test('fails retryably if the request is deleted, even if that is reported before the create', async (t) => {
    for (const early of [false, true]) {
      const created = Promise.withResolvers<Body>();
      const { issuer, emit } = await setUp(t, () => created.promise);
      const checked = assert.rejects(issuer.issue(request, never), rejection('aborted', 'RequestDeleted', /deleted/));
      if (!early) created.resolve(stored());
      await emit('DELETED', stored());
      created.resolve(stored());
      await checked;
    }
  });

  test('learns missed changes from the list after an outage', async (t) => {
    const { issuer, relist } = await setUp(t, () => stored());
    const issued = issuer.issue(request, never);
    await relist([stored({ status: issuedStatus })]);
    assert.equal((await issued).certificatePem, 'CERT');
  });

  test('reads its request by itself while the list is not answered, and only then', async (t) => {
    let status: unknown = {};
    const { issuer, requests, clock, holdList } = await setUp(t, () => stored({ status }));
    const issued = issuer.issue(request, never);
    await clock.advance(20_000);
    assert.equal(requests.length, 1);
    await holdList();
    await clock.advance(5_000);
    status = issuedStatus;
    await clock.advance(5_000);
    assert.equal((await issued).certificatePem, 'CERT');
    assert.deepEqual(
      requests.map(({ verb }) => verb),
      ['create', 'get', 'get'],
    );
    await clock.advance(20_000);
    assert.equal(requests.length, 3);
  });

  test('gets a request that is missing from the list before it fails', async (t) => {
    for (const found of [stored({ status: issuedStatus }), stored({ uid: 'another' }), undefined]) {
      const { issuer, relist } = await setUp(t, ({ verb }) =>
        verb === 'create' ? stored() : (found ?? refuse('not-found', 'NotFound')),
      );
      const issued = issuer.issue(request, never);
      const checked =
        found?.metadata['uid'] === 'uid-1'
          ? issued
          : assert.rejects(issued, rejection('aborted', 'RequestDeleted', /deleted/));
      await relist([]);
      await checked;
    }
  });

  const refusals = [
    [
      ['permission-denied', 'Forbidden', 'User "x" cannot create resource "certificaterequests"'],
      'permission-denied',
      'RequestForbidden',
    ],
    [['permission-denied', 'Forbidden', 'denied request: no'], 'failed-precondition', 'RequestRejected'],
    [['invalid-argument', 'Invalid', 'spec.usages: bad'], 'failed-precondition', 'RequestRejected'],
    [['permission-denied', 'NamespaceTerminating', 'being terminated'], 'failed-precondition', 'NamespaceTerminating'],
    [['not-found', 'ApiNotServed', '404 page not found'], 'failed-precondition', 'CertManagerMissing'],
    [['unavailable', 'ConnectionLost', 'reset'], 'unavailable', 'ConnectionLost'],
  ] as const;
  for (const [refusal, code, reason] of refusals) {
    test(`explains a refused create: ${refusal[1]}, ${refusal[2]}`, async (t) => {
      const { issuer } = await setUp(t, () => refuse(refusal[0], refusal[1], refusal[2]));
      await assert.rejects(issuer.issue(request, never), rejection(code, reason, new RegExp(refusal[2])));
    });
  }

  test('keeps no state after a thousand issuances with different ends', async (t) => {
    const { issuer, emit } = await setUp(t, ({ verb }) =>
      verb === 'create' ? stored() : refuse('not-found', 'NotFound'),
    );
    const caller = new AbortController();
    const many = Array.from({ length: 1000 }, () => issuer.issue(request, caller.signal).catch(() => undefined));
    assert.equal(issuer.waiting, 1000);
    caller.abort();
    await Promise.all(many);
    assert.equal(issuer.waiting, 0);
    const rest = Array.from({ length: 10 }, () => issuer.issue(request, never));
    await emit('MODIFIED', stored({ status: issuedStatus }));
    await Promise.all(rest);
  });

  test('names the requests that a volume had at the start once, and no later ones', async (t) => {
    const named = (name: string): Body => ({ ...stored(), metadata: { ...stored().metadata, name } });
    const { issuer, emit, relist } = await setUp(t, () => stored(), [named('r-1'), named('r-7')]);
    await emit('ADDED', named('r-8'));
    await relist([named('r-1'), named('r-7'), named('r-9')]);
    assert.deepEqual(issuer.takeRequestsAtStart('csi-2'), []);
    assert.deepEqual(issuer.takeRequestsAtStart('csi-1'), ['r-1', 'r-7']);
    assert.deepEqual(issuer.takeRequestsAtStart('csi-1'), []);
  });

  test('deletes only its own requests, with a precondition on the uid', async (t) => {
    const own = await setUp(t, () => stored());
    await own.issuer.discard(request);
    assert.deepEqual(own.requests[1]?.body, { preconditions: { uid: 'uid-1' } });
    const foreign = await setUp(t, () => stored({ podUid: 'other' }));
    await foreign.issuer.discard(request);
    assert.deepEqual(
      foreign.requests.map(({ verb }) => verb),
      ['get'],
    );
    for (const code of ['not-found', 'aborted'] as const) {
      const gone = await setUp(t, ({ verb }) => (verb === 'get' ? stored() : refuse(code, 'NotFound')));
      await gone.issuer.discard(request);
    }
  });

  test('compares the signed content, and does not trust labels', () => {
    const view = viewCertificateRequest(stored());
    assert.equal(ownedBy(request)(view), true);
    assert.equal(ownedBy({ ...request, volumeId: 'csi-2' })(view), false);
    assert.equal(ownedBy(request)({ ...view, namespace: 'other' }), false);
    assert.equal(asksFor(createCertificateSigningRequest({ ...spec, dnsNames: ['other'], key }))(view), false);
    assert.equal(asksFor(request.csrPem)({ ...view, request: '' }), false);
  });
});
