// The agent's issuer client against a real API server and cert-manager, without a kubelet.
import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { systemClock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';

import type { IssuerResponse, IssueRequest } from '../../../apps/node-agent/src/issuance/certificate-issuer.ts';
import { EventRecorder } from '../../../apps/node-agent/src/kube/event-recorder.ts';
import { getPod } from '../../../apps/node-agent/src/kube/pod.ts';
import type { PodIdentity } from '../../../apps/node-agent/src/spec/volume-spec.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { createCaIssuer, createSelfSignedIssuer } from '../../cluster/issuers.ts';
import { waitUntil } from '../../cluster/wait.ts';
import { connect, createPod, decide, kubeconfigWithToken, requestFor } from '../issuer-fixture.ts';
import type { RealIssuer } from '../issuer-fixture.ts';
import type { SharedOutage } from '../shared-outage.ts';

let cluster: Cluster;
let kubeconfig: string;
let pod: PodIdentity;
/** A pod of a namespace that is deleted. */
let doomed: PodIdentity;
let agent: RealIssuer;

/** Also for an outage on a slow machine. */
const patience = (): AbortSignal => AbortSignal.timeout(240_000);

function fails(code: string, reason: string, message: RegExp): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof CertfleetError, String(thrown));
    assert.deepEqual([thrown.code, thrown.reason], [code, reason], thrown.message);
    assert.match(thrown.message, message);
    return true;
  };
}

/** Resolves when the request exists: its waiter is registered before. */
async function isCreated(request: IssueRequest): Promise<void> {
  const target = [`certificaterequest/${request.requestName}`, '--namespace', request.spec.pod.namespace];
  await cluster.kubectl(['wait', '--for=create', ...target, '--timeout=30s']);
}

async function field(request: IssueRequest, path: string): Promise<string> {
  const target = ['certificaterequest', request.requestName, '--namespace', request.spec.pod.namespace];
  return (await cluster.kubectl(['get', ...target, '-o', `jsonpath={${path}}`])).stdout;
}

async function serviceAccountToken(namespace: string, name: string): Promise<string> {
  await cluster.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } });
  return (await cluster.kubectl(['create', 'token', name, '--namespace', namespace])).stdout.trim();
}

/** Grants a ServiceAccount the agent's rights, or only the right to create requests. */
async function allow(namespace: string, name: string, verbs: readonly string[]): Promise<void> {
  const role = `${namespace}-${name}`;
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  const rules = [{ apiGroups: ['cert-manager.io'], resources: ['certificaterequests'], verbs }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role };
  const api = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: role } };
  await cluster.apply([
    { ...api, kind: 'ClusterRole', rules },
    { ...api, kind: 'ClusterRoleBinding', subjects, roleRef },
  ]);
}

/** With an approver. The client stays connected for the later suites. */
export function certManagerIssuerSuite(context: () => Cluster): void {
  describe("the agent's issuer client, with an approver", { concurrency: false }, () => {
    before(async () => {
      cluster = context();
      kubeconfig = await cluster.localKubeconfig();
      await createCaIssuer(cluster, { name: 'ca' });
      [pod, doomed] = await Promise.all([createPod(cluster, 'shop'), createPod(cluster, 'doomed')]);
      agent = connect(kubeconfig);
      await agent.issuer.ready;
    });

    test('issues a certificate that matches the key and is signed by the CA', async () => {
      const request = requestFor(pod);
      const { certificatePem, caPem } = await agent.issuer.issue(request, patience());
      const leaf = new X509Certificate(certificatePem);
      assert.ok(
        leaf.verify(createPublicKey(new X509Certificate(caPem).publicKey.export({ type: 'spki', format: 'pem' }))),
      );
      assert.equal(leaf.subjectAltName, 'DNS:pod.example.com');
      assert.equal(await field(request, '.metadata.ownerReferences[0].uid'), pod.uid);
      assert.equal(await field(request, '.metadata.labels.csi\\.cert-manager\\.io/node-id-hash'), 'f56fd9f8b');
    });

    test('resumes a request that is already issued', async () => {
      const request = requestFor(pod);
      const first = await agent.issuer.issue(request, patience());
      assert.deepEqual(await agent.issuer.issue(request, patience()), first);
    });

    test('after a restart, knows and deletes the requests of a volume that it had before', async () => {
      const [request, other] = [requestFor(pod), requestFor(pod)];
      for (const each of [request, other]) await agent.issuer.issue(each, patience());
      await using restarted = connect(kubeconfig);
      await restarted.issuer.ready;
      assert.deepEqual(restarted.issuer.takeRequestsAtStart(request.volumeId), [request.requestName]);
      await restarted.issuer.discard(request);
      const target = ['certificaterequest', '--namespace', pod.namespace, '-o', 'name'];
      const { stdout } = await cluster.kubectl(['get', ...target]);
      assert.ok(!stdout.includes(request.requestName));
      assert.ok(stdout.includes(other.requestName));
    });

    test('issues a hundred concurrently', async () => {
      const all = Array.from({ length: 100 }, () => agent.issuer.issue(requestFor(pod), patience()));
      assert.equal(new Set((await Promise.all(all)).map(({ certificatePem }) => certificatePem)).size, 100);
      assert.equal(agent.issuer.waiting, 0);
    });

    test("creates as the pod's ServiceAccount although the agent itself has a client certificate", async () => {
      const token = await serviceAccountToken('shop', 'creator');
      await allow('shop', 'creator', ['create']);
      const request = requestFor(pod, { serviceAccountToken: token });
      await agent.issuer.issue(request, patience());
      assert.equal(await field(request, '.spec.username'), 'system:serviceaccount:shop:creator');
    });

    test("fails with the issuer's message", async () => {
      await createSelfSignedIssuer(cluster, { name: 'self' });
      // A self-signed issuer needs the private key in a Secret, which this request does not name.
      await assert.rejects(
        agent.issuer.issue(requestFor(pod, {}, { name: 'self' }), patience()),
        fails('failed-precondition', 'RequestFailed', /private-key-secret-name/),
      );
    });

    test("does not adopt another volume's request of the same name", async () => {
      const first = requestFor(pod);
      await agent.issuer.issue(first, patience());
      await assert.rejects(
        agent.issuer.issue(requestFor(pod, { requestName: first.requestName }), patience()),
        fails('failed-precondition', 'RequestForeign', /a different volume/),
      );
    });

    test('deletes only its own requests', async () => {
      const request = requestFor(pod);
      await agent.issuer.issue(request, patience());
      await agent.issuer.discard({ ...request, volumeId: 'another' });
      assert.equal(await field(request, '.metadata.ownerReferences[0].uid'), pod.uid);
      await agent.issuer.discard(request);
      await assert.rejects(field(request, '.metadata.name'), /NotFound/);
      await agent.issuer.discard(request);
    });

    test('names the missing permission', async () => {
      const token = await serviceAccountToken('shop', 'nobody');
      await using stranger = connect(await kubeconfigWithToken(cluster, token));
      const forbidden = fails(
        'permission-denied',
        'RequestForbidden',
        /missing permission to create certificaterequests.*in namespace shop/,
      );
      await assert.rejects(stranger.issuer.issue(requestFor(pod), patience()), forbidden);
      await assert.rejects(agent.issuer.issue(requestFor(pod, { serviceAccountToken: token }), patience()), forbidden);
    });

    test('reports why admission rejected a request', async () => {
      const name = 'no-tests';
      const operations = {
        apiGroups: ['cert-manager.io'],
        apiVersions: ['v1'],
        operations: ['CREATE'],
        resources: ['certificaterequests'],
      };
      const expression = '!("example.com/reject" in object.metadata.?annotations.orValue({}))';
      const api = { apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name } };
      await cluster.apply([
        {
          ...api,
          kind: 'ValidatingAdmissionPolicy',
          spec: {
            matchConstraints: { resourceRules: [operations] },
            validations: [{ expression, message: 'not on my watch' }],
          },
        },
        { ...api, kind: 'ValidatingAdmissionPolicyBinding', spec: { policyName: name, validationActions: ['Deny'] } },
      ]);
      const request = requestFor(pod);
      const rejected = { ...request, spec: { ...request.spec, annotations: { 'example.com/reject': 'yes' } } };
      // A new policy takes effect a moment after it was stored.
      await until(
        async () =>
          (await outcome({ ...rejected, requestName: `${request.requestName}-${Date.now()}` })) instanceof
          CertfleetError,
      );
      await assert.rejects(
        agent.issuer.issue(rejected, patience()),
        fails('failed-precondition', 'RequestRejected', /not on my watch/),
      );
    });

    test('respects 429 responses of the API server until all are issued', async () => {
      const token = await serviceAccountToken('shop', 'throttled');
      await allow('shop', 'throttled', ['create', 'get', 'list', 'watch']);
      const api = { apiVersion: 'flowcontrol.apiserver.k8s.io/v1', metadata: { name: 'tiny' } };
      const limited = {
        nominalConcurrencyShares: 1,
        lendablePercent: 0,
        borrowingLimitPercent: 0,
        limitResponse: { type: 'Reject' },
      };
      const subjects = [{ kind: 'ServiceAccount', serviceAccount: { name: 'throttled', namespace: 'shop' } }];
      const resourceRules = [{ apiGroups: ['*'], resources: ['*'], verbs: ['create'], namespaces: ['*'] }];
      await cluster.apply([
        { ...api, kind: 'PriorityLevelConfiguration', spec: { type: 'Limited', limited } },
        {
          ...api,
          kind: 'FlowSchema',
          spec: {
            matchingPrecedence: 2,
            priorityLevelConfiguration: { name: 'tiny' },
            rules: [{ subjects, resourceRules }],
          },
        },
      ]);
      const codes = new Map<number, number>();
      const count = (_verb: string, _resource: string, code: number): unknown =>
        codes.set(code, (codes.get(code) ?? 0) + 1);
      await using throttled = connect(await kubeconfigWithToken(cluster, token), count);
      await until(async () => {
        await Promise.all(Array.from({ length: 40 }, () => throttled.issuer.issue(requestFor(pod), patience())));
        return codes.has(429);
      });
      assert.equal(throttled.issuer.waiting, 0);
    });

    test('records events where kubectl describe shows them, and reads the pod', async () => {
      const recorder = new EventRecorder({
        client: agent.client,
        clock: systemClock,
        nodeName: 'test-node',
        mountsIdle: () => Promise.resolve(),
      });
      const event = { type: 'Warning', reason: 'RequestDenied', message: 'the policy said no', pod } as const;
      recorder.record(event);
      await until(async () => (await describePod()).includes('the policy said no'));
      recorder.record(event);
      await recorder.stop();
      assert.match(
        await describePod(),
        /Warning\s+RequestDenied\s+\S+ \(x2 over \S+\)\s+certfleet\s+the policy said no/,
      );
      assert.equal((await getPod(agent.client, pod))?.uid, pod.uid);
      assert.equal(await getPod(agent.client, { ...pod, name: 'absent' }), undefined);
    });
  });
}

/** Without an approver, in the outage. */
export function certManagerIssuerOutage(outage: SharedOutage): void {
  describe("the agent's issuer client, without the API server", { concurrency: false }, () => {
    before(() => cluster.certManager.restart(['--without-approver']));

    test('gets its certificate although the API server was killed while it waited', async (t) => {
      const waiting = requestFor(pod);
      const late = requestFor(pod);
      const issued: Promise<IssuerResponse>[] = [];
      await outage.run(t, {
        async before() {
          issued.push(agent.issuer.issue(waiting, patience()));
          await isCreated(waiting);
        },
        during() {
          // Also an issuance that starts without an API server.
          issued.push(issuedAtLast(late));
          return Promise.resolve();
        },
        async after() {
          await decide(cluster, waiting, 'Approved', 'fine');
          await isCreated(late);
          await decide(cluster, late, 'Approved', 'fine');
          for (const response of await Promise.all(issued)) assert.match(response.certificatePem, /BEGIN CERTIFICATE/);
        },
      });
    });
  });
}

/** Without an approver, whom the suite of the outage has stopped. */
export function certManagerIssuerWithoutApprover(): void {
  describe("the agent's issuer client, without an approver", { concurrency: false }, () => {
    test('reports that it waits for approval, and continues when approved', async () => {
      const request = requestFor(pod);
      await assert.rejects(
        agent.issuer.issue(request, AbortSignal.timeout(500)),
        fails('deadline-exceeded', 'RequestUnapproved', /is still pending: not approved yet/),
      );
      const resumed = agent.issuer.issue(request, patience());
      await decide(cluster, request, 'Approved', 'fine');
      assert.match((await resumed).certificatePem, /BEGIN CERTIFICATE/);
    });

    test('fails at once with the reason when the request is denied', async () => {
      const request = requestFor(pod);
      const checked = assert.rejects(
        agent.issuer.issue(request, patience()),
        fails('permission-denied', 'RequestDenied', /was denied.*: Test: not your name/),
      );
      await isCreated(request);
      await decide(cluster, request, 'Denied', 'not your name');
      await checked;
    });

    test('detects that the request was deleted, and can reuse the name', async () => {
      const request = requestFor(pod);
      const checked = assert.rejects(
        agent.issuer.issue(request, patience()),
        fails('aborted', 'RequestDeleted', /deleted/),
      );
      await isCreated(request);
      await cluster.kubectl(['delete', 'certificaterequest', request.requestName, '--namespace', 'shop']);
      await checked;
      const again = agent.issuer.issue(request, patience());
      await isCreated(request);
      await decide(cluster, request, 'Approved', 'fine');
      await again;
    });

    test('explains a namespace that is being deleted', async () => {
      const held = requestFor(doomed);
      const finalizer = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'hold', namespace: 'doomed', finalizers: ['example.com/hold'] },
      };
      await cluster.apply(finalizer);
      await cluster.kubectl(['delete', 'namespace', 'doomed', '--wait=false']);
      // Admission learns of it from a watch.
      const probe = ['create', 'configmap', 'probe', '--namespace', 'doomed', '--dry-run=server'];
      const isRefused = (): Promise<boolean> =>
        cluster.kubectl(probe).then(
          () => false,
          () => true,
        );
      await waitUntil('the namespace to refuse new objects', isRefused, { timeoutMs: 30_000 });
      await assert.rejects(
        agent.issuer.issue(held, patience()),
        fails('failed-precondition', 'NamespaceTerminating', /doomed is being deleted/),
      );
      await cluster.kubectl([
        'patch',
        'configmap',
        'hold',
        '--namespace',
        'doomed',
        '--type=merge',
        '-p',
        '{"metadata":{"finalizers":null}}',
      ]);
    });
  });
}

/** Removes a definition of cert-manager, so it comes after all suites that need it. */
export function certManagerMissingSuite(): void {
  describe("the agent's issuer client, without cert-manager's API", { concurrency: false }, () => {
    after(() => agent[Symbol.asyncDispose]());

    test("reports that cert-manager's API is not installed", async (t) => {
      if (!cluster.capabilities.components) {
        t.skip('deletes the definition of a cluster that is not ours');
        return;
      }
      await cluster.kubectl(['delete', 'crd', 'certificaterequests.cert-manager.io']);
      await until(async () => (await outcome(requestFor(pod)))?.reason === 'CertManagerMissing');
    });
  });
}

/** Repeats the request like a volume, because its own retries end before a long outage. */
async function issuedAtLast(request: IssueRequest): Promise<IssuerResponse> {
  for (;;) {
    try {
      return await agent.issuer.issue(request, patience());
    } catch (thrown) {
      if (!(thrown instanceof CertfleetError && thrown.code === 'unavailable')) throw thrown;
    }
    await sleep(100);
  }
}

async function describePod(): Promise<string> {
  return (await cluster.kubectl(['describe', 'pod', pod.name, '--namespace', pod.namespace])).stdout;
}

/** The error of an issuance; undefined when it succeeds or is pending. */
async function outcome(request: IssueRequest): Promise<CertfleetError | undefined> {
  try {
    await agent.issuer.issue(request, AbortSignal.timeout(5000));
    return undefined;
  } catch (thrown) {
    const isPending =
      thrown instanceof CertfleetError && ['RequestPending', 'RequestUnapproved'].includes(thrown.reason ?? '');
    return thrown instanceof CertfleetError && !isPending ? thrown : undefined;
  }
}

/** Polls until the condition holds, for changes that the API server does not announce. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error('the condition did not hold within 30 s');
    await sleep(100);
  }
}
