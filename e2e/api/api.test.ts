// What needs an API server but no node: one cluster for all suites, because its start is what costs most. Suites run at the
// same time if they do not disturb each other.
import { after, before, describe } from 'node:test';

import { startCluster } from '../cluster/cluster.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { signInSuite } from '../page/suites/sign-in.ts';
import { SharedOutage } from './shared-outage.ts';
import { additionalTrustSuite } from './suites/additional-trust.ts';
import { admissionPolicySuite } from './suites/admission-policy.ts';
import {
  certManagerIssuerOutage,
  certManagerIssuerSuite,
  certManagerIssuerWithoutApprover,
  certManagerMissingSuite,
} from './suites/cert-manager-issuer.ts';
import { kubeIntentStoreFaults, kubeIntentStoreOutage, kubeIntentStoreSuite } from './suites/kube-intent-store.ts';
import { lanePolicyOutage, lanePolicySuite } from './suites/lane-policy.ts';
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
  describe('with few requests', { concurrency: true }, () => {
    startupTaintSuite(cluster);
    kubeIntentStoreSuite(cluster);
    signInSuite(cluster);
  });
  // A hundred requests at once: calls with a time limit of their own would fail beside them on a slow machine.
  certManagerIssuerSuite(cluster);
  describe('while it is killed and started again', { concurrency: true }, () => {
    const outage = new SharedOutage(cluster, 3);
    kubeIntentStoreOutage(outage);
    lanePolicyOutage(cluster, outage);
    certManagerIssuerOutage(outage);
  });
  describe('after its outage', { concurrency: true }, () => {
    // Later it would compile its policies again.
    admissionPolicySuite(cluster);
    lanePolicySuite();
    certManagerIssuerWithoutApprover();
  });
  kubeIntentStoreFaults();
  certManagerMissingSuite();
});
