// The parts of the controller and the command line that need a real API server and nothing else: identities, sign-in, Events,
// rollouts, kubeconfigs and policies that cannot be read. They share one, each with its own namespace.
import { after, before } from 'node:test';
import { startCluster } from '../cluster/cluster.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { identitySuite } from './support/identity-suite.ts';
import { kubectlHintsSuite } from './support/kubectl-hints-suite.ts';
import { kubeconfigSuite } from './support/kubeconfig-suite.ts';
import { podEventsSuite } from './support/pod-events-suite.ts';
import { signInSuite } from './support/sign-in-suite.ts';
import { unknownPoliciesSuite } from './support/unknown-policies-suite.ts';

let cluster: Cluster;

before(async () => {
  cluster = await startCluster({ nodes: 'control-plane', certManager: false });
});
after(() => cluster.stop());

const shared = { cluster: (): Cluster => cluster };
identitySuite(shared);
signInSuite(shared);
podEventsSuite(shared);
kubeconfigSuite({ ...shared, namespace: 'kubeconfig' });
kubectlHintsSuite(shared);
// The last one: it installs the chart's definitions.
unknownPoliciesSuite(shared);
