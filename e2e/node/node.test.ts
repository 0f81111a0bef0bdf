import { after, before, describe } from 'node:test';

import { openNodeContext, type NodeContext } from './support/node-context.ts';
import { buildAppImage } from './support/release.ts';
import { sideBySide } from './support/side-by-side.ts';
import { attributeSuite } from './suites/attributes.ts';
import { exampleSuite } from './suites/examples.ts';
import { fileSuite } from './suites/files.ts';
import { interruptionSuite } from './suites/interruptions.ts';
import { manyPodsSuite } from './suites/many-pods.ts';
import { nodeRestartSuite } from './suites/node-restart.ts';
import { notReadySuite } from './suites/not-ready.ts';
import { kubeletRestartSuite, podCertificateSuite, podCertificateValues } from './suites/pod-certificates.ts';
import { podVariableSuite, podVariableValues } from './suites/pod-variables.ts';
import { probeSuite, probeValues } from './suites/probes.ts';
import { reloadSuite, reloadValues } from './suites/reload.ts';
import { refusalSuite } from './suites/refusals.ts';
import { releaseSuite } from './suites/releases.ts';
import { removalSuite } from './suites/removal.ts';
import { renewalSuite } from './suites/renewals.ts';
import { requestSuite } from './suites/requests.ts';
import { secretSuite } from './suites/secrets.ts';
import { takeOverSuite } from './suites/take-over.ts';
import { tokenRequestSuite } from './suites/token-request.ts';

// It stops, kills and inspects the node, and installs an image that only a local cluster can pull.
const skip =
  (process.env['CERTFLEET_E2E_KUBECONFIG'] ?? '') === ''
    ? false
    : 'needs a local node, not the cluster of CERTFLEET_E2E_KUBECONFIG';

describe('the agent on a real node', { skip }, () => {
  let opened: NodeContext | undefined;
  const context = (): NodeContext => {
    if (opened === undefined) throw new Error('the cluster did not start');
    return opened;
  };
  let signerImage: Promise<void> | undefined;
  before(async () => {
    opened = await openNodeContext();
    // Built while the first suites wait.
    signerImage = buildAppImage(opened.cluster, 'pod-certificate-signer', 'test');
    signerImage.catch(() => undefined);
  });
  after(() => opened?.stop());

  // The suites share one release: this one installs it over another driver's volumes, those from notReadySuite on
  // change its values. The others use the defaults.
  takeOverSuite(context);
  describe("with the chart's default values for it", () => {
    before(() => context().agent.install());
    sideBySide({
      attributes: [attributeSuite],
      requests: [requestSuite],
      files: [fileSuite],
      renewals: [renewalSuite],
      examples: [exampleSuite],
      'a removal': [removalSuite],
    })(context);
    refusalSuite(context);
    // More RSA keys than the agent has in stock. e2e/slow/many-pods.test.ts starts forty pods.
    manyPodsSuite(context, 8, 3);
    interruptionSuite(context);
    nodeRestartSuite(context);
  });
  notReadySuite(context);
  describe('with values that do not affect each other', () => {
    before(async () => {
      await signerImage;
      const values = { ...probeValues, ...reloadValues, ...podCertificateValues, ...(await podVariableValues()) };
      await context().agent.install(values);
    });
    sideBySide({
      probes: [probeSuite],
      signals: [reloadSuite],
      variables: [podVariableSuite],
      'pod certificates': [podCertificateSuite],
    })(context);
    kubeletRestartSuite(context);
  });
  tokenRequestSuite(context);
  releaseSuite(context);
  secretSuite(context);
});
