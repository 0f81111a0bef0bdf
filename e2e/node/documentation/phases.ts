import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil } from '../../cluster/wait.ts';
import type { FleetContext } from '../fleet/fleet-context.ts';
import { fleetPod } from '../fleet/fleet-context.ts';
import { defaultIssuer, defaultNamespace } from '../support/certificate-pod.ts';
import { volumeIdOf, volumesRoot } from '../support/node-state.ts';
import { applyPodsAndWaitReady, deletePods, getPod } from '../support/pods.ts';
import { podsOf, releaseNamespace, signalPod, waitUntilRestarted } from '../support/release.ts';

/** A block to run with its expected output, or a change of the cluster between two blocks. */
export type Step =
  | { readonly run: string; readonly expect: readonly RegExp[]; readonly env?: Readonly<Record<string, string>> }
  | { readonly act: string; readonly do: Act };
type Act = (context: FleetContext) => Promise<void>;

/** A state of the fleet, and the blocks that a reader would run in it. */
export interface Phase {
  readonly state: string;
  readonly steps: readonly Step[];
}

const issuer = `ClusterIssuer.cert-manager.io//${defaultIssuer}`;
const absent = 'ClusterIssuer.cert-manager.io//absent';
const runbook = (first: string): string => `docs/runbook.md: ${first}`;
const installation = (first: string): string => `docs/installation.md: ${first}`;
const agentRestarted: Step = {
  act: 'the agent is back',
  do: async ({ cluster }: FleetContext): Promise<void> => {
    const rollout = ['rollout', 'status', 'daemonset/certfleet', '--namespace', releaseNamespace, '--timeout=120s'];
    await cluster.kubectl(rollout);
    await waitUntil('one agent', async () => (await podsOf(cluster, 'node-agent')).length === 1, { timeoutMs: 60_000 });
  },
};
const controllerRestarted: Step = {
  act: 'the controller is back',
  do: async ({ cluster }: FleetContext): Promise<void> => {
    for (const what of ['deployment/certfleet-controller', 'statefulset/certfleet-redis']) {
      await cluster.kubectl(['rollout', 'status', what, '--namespace', releaseNamespace, '--timeout=180s']);
    }
    // `kubectl logs` with a selector fails if one of the pods is deleted in between.
    const path = 'jsonpath={.items[*].metadata.deletionTimestamp}';
    const isGone = async (): Promise<boolean> =>
      (await cluster.kubectl(['get', 'pods', '--namespace', releaseNamespace, '--output', path])).stdout.trim() === '';
    await waitUntil('replaced pods to be gone', isGone, { timeoutMs: 60_000 });
  },
};
/** Waits until a read-only command of the runbook's first section shows the expected output. */
function until(what: string, command: readonly string[], shows: RegExp): Step {
  return {
    act: what,
    do: async ({ api, tokens }: FleetContext): Promise<void> => {
      const isShown = async (): Promise<boolean> => shows.test((await api.run(tokens.renewer, ...command)).output);
      await waitUntil(what, isShown, { timeoutMs: 120_000, intervalMs: 1000 });
    },
  };
}

const inOrder: Phase = {
  state: 'a healthy fleet',
  steps: [
    {
      run: installation('kubectl -n cert-manager rollout status daemonset/certfleet'),
      expect: [/rolled out/, /csi\.cert-manager\.io/],
    },
    {
      run: installation(
        'kubectl create clusterrolebinding certfleet-operators --clusterrole=certfleet-renew --group=operators',
      ),
      expect: [/certfleet-operators created/, /serviceaccount\/my-account created/, /certfleet-my-account created/],
    },
    {
      run: installation(String.raw`kubectl create -o jsonpath='{.status.allowed}{"\n"}' -f - <<END`),
      expect: [/^true$/m],
    },
    {
      run: installation(
        'kubectl -n cert-manager create token my-account | kubectl -n cert-manager exec -i deployment/certfleet-controller -- \\',
      ),
      expect: [/volumes/i],
    },
    {
      run: installation(
        'kubectl -n cert-manager exec deployment/certfleet-controller -- tar -cf - -C /app cli | tar -xf -',
      ),
      expect: [/volumes/i],
    },
    {
      run: installation(
        String.raw`kubectl -n cert-manager get secret certfleet-controller-tls -o jsonpath='{.data.ca\.crt}' | base64 -d > certfleet-ca.crt`,
      ),
      expect: [/volumes/i],
    },
    {
      run: runbook('kubectl -n $NS create serviceaccount oncall'),
      expect: [/oncall created[^]*certfleet-oncall created/],
    },
    { run: runbook('certfleet() {'), expect: [/volumes/i] },
    {
      run: runbook(
        "NODE=$(kubectl get nodes -o jsonpath='{.items[0].metadata.name}')   # or the node that the alert names",
      ),
      expect: [/csi-[0-9a-f]{64}/, new RegExp(issuer)],
    },
    { run: runbook('certfleet list --sort=expires'), expect: [/csi-[0-9a-f]{64}[^]*web/] },
    { run: runbook('certfleet list --posture'), expect: [/NAMESPACE +POD/] },
    { run: runbook('kubectl get node $NODE'), expect: [/Ready/] },
    // e2e/node/suites/probes.ts has a pod that does not load its certificate.
    { run: runbook('certfleet list --served=not-loaded'), expect: [/NAMESPACE +POD/] },
    {
      run: runbook('kubectl get pods -A --field-selector spec.nodeName=$NODE -o wide'),
      expect: [/apps +web/, /certfleet-\w+ +1\/1/],
    },
    { run: runbook('findmnt -no SIZE,USED,AVAIL /var/lib/certfleet/certfleet'), expect: [/^ *128M +\S+ +\S+/m] },
    { run: runbook('certfleet nodes'), expect: [/Ready/, /certfleet-\w+ +1\/1 +Running/] },
    {
      run: runbook('kubectl -n $NS logs $AGENT | grep controller'),
      expect: [/connected to the controller/, /certfleet-controller-tls +True/],
    },
    {
      run: runbook('kubectl -n $NS get pods -l app.kubernetes.io/component=renewal-controller'),
      expect: [
        /(certfleet-controller-\S+ +1\/1 +Running[^]*){2}/,
        /\[pod\/certfleet-controller-\S+\]/,
        /certfleet-controller-tls +True/,
      ],
    },
    {
      run: "docs/migration.md: kubectl get pods --all-namespaces --output json | jq --raw-output '.items[]",
      expect: [/\d{4}-\d\d-\d\dT\S+ apps\/web/],
    },
  ],
};

const agentKilled: Phase = {
  state: 'a killed agent',
  steps: [
    {
      act: 'its process is killed and restarts',
      do: async ({ cluster }: FleetContext): Promise<void> => {
        const [agent] = await podsOf(cluster, 'node-agent');
        if (agent === undefined) throw new Error('expected an agent');
        await signalPod(cluster, agent, 'SIGKILL');
        await waitUntilRestarted(cluster, agent);
      },
    },
    {
      run: runbook('kubectl -n $NS get daemonset certfleet'),
      expect: [/certfleet +1 +1 +1/, /Exit Code: +137/, /"agent started"/],
    },
    { run: runbook('kubectl -n $NS logs $AGENT > agent.log'), expect: [/pod "certfleet-\w+" deleted/] },
    agentRestarted,
    { run: runbook('kubectl -n $NS delete $AGENT'), expect: [/pod "certfleet-\w+" deleted/] },
    agentRestarted,
  ],
};

/** One needs half a minute to be noticed, the other the lifetime of a certificate: both wait at the same time. */
const issuersFail: Phase = {
  state: 'an issuer that does not exist, and one that signs nothing until certificates have expired',
  steps: [
    {
      act: 'a pod uses the one, and cert-manager is stopped for longer than the certificate of another pod lives',
      do: async ({ cluster }: FleetContext): Promise<void> => {
        await cluster.apply(fleetPod('hopeless', { 'issuer-name': 'absent' }));
        await applyPodsAndWaitReady(cluster, [fleetPod('brief', { duration: '15s' })]);
        await cluster.certManager.stop();
      },
    },
    until('an expired volume to be listed', ['list', '--state', 'expired'], /brief/),
    { run: runbook('certfleet list --state=expired'), expect: [/brief[^]*expired/i] },
    { act: 'cert-manager is back', do: ({ cluster }: FleetContext): Promise<void> => cluster.certManager.start() },
    { run: runbook('certfleet renew --issuer=$ISSUER --reason=fixed'), expect: [/renewal|volumes?/i] },
    until('the failure of the other pod to be listed', ['list', '--state', 'failing'], /hopeless/),
    {
      run: runbook(
        "kubectl -n $NS logs -l app.kubernetes.io/component=node-agent --prefix --tail=-1 --since=1h | grep 'issuance failed'",
      ),
      expect: [/\[pod\/certfleet-\w+\/node-agent\].*issuance failed/, /hopeless/, /Running/],
    },
    {
      run: runbook('certfleet list --issuer=$ISSUER --state=failing'),
      expect: [/hopeless/, /apps +\S+ +absent +(False|<none>)/],
      env: { ISSUER: absent },
    },
    {
      run: runbook('kubectl get events -A --field-selector reason=FailedMount'),
      expect: [/FailedMount +pod\/hopeless/, /hopeless/],
    },
    {
      // The kubelet ends a pod when its current call to mount a volume has ended, half a minute later.
      act: 'both pods are to be deleted',
      do: async ({ cluster }: FleetContext): Promise<void> => {
        await cluster.kubectl(['delete', 'pod', 'hopeless', 'brief', '-n', defaultNamespace, '--wait=false']);
      },
    },
    { run: runbook('certfleet pause $ISSUER --reason=maintenance'), expect: [/paused/i, /resumed|open/i] },
  ],
};

const pausedLane: Phase = {
  state: 'a paused lane',
  steps: [
    {
      act: 'the lane is paused',
      do: async ({ api, tokens }: FleetContext): Promise<void> => {
        await api.run(tokens.renewer, 'pause', issuer, '--reason', 'to-see');
      },
    },
    // The replica that answers may learn of it a moment later.
    until('the pause to be listed', ['lanes'], /paused/),
    { run: runbook('certfleet lanes'), expect: [/paused/] },
    { run: runbook('certfleet lanes (2)'), expect: [/to-see/, /"by"|"pausedBy"|renewer/, /lane-\S+/] },
    { run: 'docs/lanes.md: kubectl get lanepolicies', expect: [/LANES +RATE/, /lane-\S+/] },
    { run: runbook('certfleet resume $ISSUER'), expect: [/resumed|open/i] },
    {
      run: runbook('certfleet renew --issuer=$ISSUER --ignore-windows --reason=urgent'),
      expect: [/renewal|volumes?/i],
    },
    { run: runbook('kubectl -n $NS rollout restart deployment/certfleet-controller'), expect: [/restarted/] },
    controllerRestarted,
  ],
};

const redisInTrouble: Phase = {
  state: 'a Redis that may evict, and then is full',
  steps: [
    {
      run: runbook('kubectl -n $NS get pods -l app.kubernetes.io/component=redis'),
      expect: [/certfleet-redis-0 +1\/1/],
    },
    {
      run: runbook(
        "kubectl -n $NS logs -l app.kubernetes.io/component=renewal-controller --prefix --tail=-1 --since=1h | grep -E 'index|Redis'",
      ),
      expect: [/PONG/, /user default on/],
    },
    {
      act: 'it is configured as a cache',
      do: async ({ redis }: FleetContext): Promise<void> => {
        await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
      },
    },
    { run: runbook('redis config get maxmemory-policy'), expect: [/allkeys-lru/] },
    { run: runbook('redis config set maxmemory-policy noeviction'), expect: [/OK/] },
    { run: runbook('redis config get maxmemory-policy'), expect: [/noeviction/] },
    { run: runbook('redis info memory'), expect: [/maxmemory_policy:noeviction/] },
    {
      act: 'it is out of memory, and the controller detects it',
      do: async ({ fleet, redis }: FleetContext): Promise<void> => {
        await redis.command('CONFIG', 'SET', 'maxmemory', '1mb');
        const problem = 'certfleet_controller_redis_problem{kind="refuses-writes"}';
        const isNoticed = async (): Promise<boolean> => (await fleet.metric('renewal-controller', problem)) > 0;
        await waitUntil('the controller to detect it', isNoticed, { timeoutMs: 60_000, intervalMs: 500 });
      },
    },
    {
      run: runbook(
        `kubectl -n $NS logs -l app.kubernetes.io/component=renewal-controller --prefix --tail=-1 --since=1h | grep '"problem"'`,
      ),
      expect: [/"problem":"refuses-writes"[^]*OOM/, /maxmemory_human:1\.00M/, /role:master/, /user default on/],
    },
    {
      run: runbook(
        'helm upgrade certfleet helm/certfleet -n $NS --reuse-values --set controller.redis.maxmemory=1gb \\',
      ),
      expect: [/deployed/],
    },
    controllerRestarted,
    { run: runbook('redis info memory'), expect: [/maxmemory_human:1\.00G/] },
  ],
};

const moved: Phase = {
  state: 'a node whose tmpfs grows, and whose data directory changes',
  steps: [
    {
      act: 'only one pod is left',
      do: ({ cluster }: FleetContext): Promise<void> => deletePods(cluster, ['hopeless', 'brief']),
    },
    {
      run: runbook('helm upgrade certfleet helm/certfleet -n $NS --reuse-values \\'),
      expect: [/deployed/, /rolled out/],
    },
    agentRestarted,
    {
      act: 'the tmpfs has its new size, and pods keep their volumes in another directory',
      do: async ({ cluster }: FleetContext): Promise<void> => {
        const size = ['-bno', 'SIZE', volumesRoot];
        const { stdout } = await cluster.exec('findmnt', size);
        if (Number(stdout) !== 256 * 1024 * 1024) throw new Error(`expected a tmpfs of 256 MiB, found ${stdout}`);
        const change = ['--reuse-values', '--set', 'app.driver.csiDataDir=/var/lib/moved', '--wait', '--timeout=2m'];
        await cluster.helm(['upgrade', 'certfleet', 'helm/certfleet', '--namespace', releaseNamespace, ...change], {
          cwd: join(cluster.directory, 'reader'),
        });
      },
    },
    agentRestarted,
    until('the volumes to be known', ['list', '--pod', 'web'], /web .*healthy/),
    {
      run: runbook('findmnt -rno TARGET,SOURCE,FSTYPE | grep kubernetes.io~csi'),
      expect: [
        /kubernetes\.io~csi\/\S+\/mount certfleet\[\/csi-[0-9a-f]{64}\/data\] tmpfs/,
        /apps +web/,
        /tmpfs of running pods adopted/,
      ],
    },
    {
      act: 'a renewal reaches the files of a pod that was mounted before',
      do: async (context: FleetContext): Promise<void> => {
        const { cluster, api, tokens } = context;
        const pod = await getPod(cluster, { name: 'web' });
        const serial = async (): Promise<string> => {
          const path = ['exec', pod.metadata.name, '--namespace', defaultNamespace, '--', 'cat', '/certs/data/tls.crt'];
          return (await cluster.kubectl(path)).stdout;
        };
        const before = await serial();
        await api.run(tokens.renewer, 'renew', '--pod', 'web', '--reason', 'moved', '--wait');
        await waitUntil('the pod to see it', async () => (await serial()) !== before, { timeoutMs: 60_000 });
        const unknown = await context.fleet.metric('node-agent', 'certfleet_agent_pod_mounts{state="unknown"}');
        if (unknown !== 0) throw new Error(`expected no unknown mount, found ${unknown}`);
      },
    },
  ],
};

const damaged: Phase = {
  state: 'a volume that the agent cannot read',
  steps: [
    {
      act: 'its record is damaged, and the agent restarts',
      do: async ({ cluster }: FleetContext): Promise<void> => {
        const pod = await getPod(cluster, { name: 'web' });
        const record = join('/var/lib/moved/certfleet', volumeIdOf(pod, 'data'), 'volume.json');
        await cluster.exec('sh', ['-c', `echo '{' > ${record}`]);
        const [agent] = await podsOf(cluster, 'node-agent');
        await cluster.kubectl(['delete', 'pod', agent?.metadata.name ?? '', '--namespace', releaseNamespace]);
      },
    },
    agentRestarted,
    {
      run: runbook("kubectl -n $NS logs $AGENT | grep 'volume set aside'"),
      expect: [/volume set aside[^]*csi-[0-9a-f]{64}/],
    },
  ],
};

const removed: Phase = {
  state: 'a removed release',
  steps: [
    {
      run: installation(
        'kubectl get pods -A -o json | jq -r \'.items[] | select(any(.spec.volumes[]?; .csi.driver == "csi.cert-manager.io"))',
      ),
      expect: [/apps\/web/],
    },
    { act: 'the last pod is deleted', do: ({ cluster }: FleetContext): Promise<void> => deletePods(cluster, ['web']) },
    { run: installation('helm uninstall certfleet --namespace cert-manager'), expect: [/uninstalled/] },
    {
      act: 'the agent has gone, and the directory is the documented one again',
      do: async ({ cluster }: FleetContext): Promise<void> => {
        const gone = ['wait', '--for=delete', 'pod', '--selector', 'app.kubernetes.io/name=certfleet'];
        await cluster.kubectl([...gone, '--namespace', releaseNamespace, '--timeout=60s']);
        await cluster.exec('umount', ['/var/lib/moved/certfleet']);
      },
    },
    { run: installation('umount /var/lib/certfleet/certfleet && rm -r /var/lib/certfleet'), expect: [] },
    {
      act: 'nothing is left of it',
      do: async ({ cluster }: FleetContext): Promise<void> => {
        const { stdout } = await cluster.exec('sh', [
          '-c',
          'ls -d /var/lib/certfleet /var/lib/kubelet/plugins/csi.* 2>&1 || true',
        ]);
        if (/^\//m.test(stdout)) throw new Error(`expected nothing, found ${stdout}`);
        await rm(join(cluster.directory, 'reader'), { recursive: true, force: true });
      },
    },
  ],
};

/** In an order in which each phase starts with a healthy fleet. */
export const phases: readonly Phase[] = [
  inOrder,
  agentKilled,
  issuersFail,
  pausedLane,
  redisInTrouble,
  moved,
  damaged,
  removed,
];
