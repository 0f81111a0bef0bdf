// What needs an API server but no node: one cluster for all suites, because its start is what costs most.
import { after, before, describe } from 'node:test';

import { startCluster } from '../cluster/cluster.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { additionalTrustSuite } from './suites/additional-trust.ts';
import { admissionPolicySuite } from './suites/admission-policy.ts';
import { certManagerIssuerSuite } from './suites/cert-manager-issuer.ts';
import { kubeIntentStoreSuite } from './suites/kube-intent-store.ts';
import { lanePolicySuite } from './suites/lane-policy.ts';
import { startupTaintSuite } from './suites/startup-taint.ts';

describe('on a real API server', () => {
  let started: Cluster | undefined;
  const cluster = (): Cluster => {
    if (started === undefined) throw new Error('the cluster did not start');
    return started;
  };
  before(async () => {
    started = await startCluster({
      nodes: 'control-plane',
      // Off by default in this version of Kubernetes; the suite of additional trust needs it.
      apiServerArgs: [
        '--feature-gates=ClusterTrustBundle=true',
        '--runtime-config=certificates.k8s.io/v1beta1/clustertrustbundles=true',
      ],
    });
  });
  after(() => started?.stop());

  // Before a suite installs the chart's CustomResourceDefinitions: an agent without them is one of its cases.
  additionalTrustSuite(cluster);
  startupTaintSuite(cluster);
  admissionPolicySuite(cluster);
  kubeIntentStoreSuite(cluster);
  lanePolicySuite(cluster);
  certManagerIssuerSuite(cluster);
});
