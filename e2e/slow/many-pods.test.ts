// The suite of e2e/node/node.test.ts for pods that start at once, with forty of them.
import { after, before, describe } from 'node:test';

import { openNodeContext, type NodeContext } from '../node/support/node-context.ts';
import { manyPodsSuite } from '../node/suites/many-pods.ts';

const skip =
  (process.env['CERTFLEET_E2E_KUBECONFIG'] ?? '') !== '' && 'needs a local node, not that of CERTFLEET_E2E_KUBECONFIG';

describe('many pods on a real node', { skip }, () => {
  let opened: NodeContext | undefined;
  before(async () => {
    opened = await openNodeContext();
    await opened.agent.install();
  });
  after(() => opened?.stop());

  manyPodsSuite(
    () => {
      if (opened === undefined) throw new Error('the cluster did not start');
      return opened;
    },
    40,
    1,
  );
});
