import { after, before, describe } from 'node:test';

import { openNodeContext, type NodeContext } from './support/node-context.ts';
import { attributeSuite } from './suites/attributes.ts';
import { fileSuite } from './suites/files.ts';
import { interruptionSuite } from './suites/interruptions.ts';
import { manyPodsSuite } from './suites/many-pods.ts';
import { nodeRestartSuite } from './suites/node-restart.ts';
import { notReadySuite } from './suites/not-ready.ts';
import { refusalSuite } from './suites/refusals.ts';
import { releaseSuite } from './suites/releases.ts';
import { removalSuite } from './suites/removal.ts';
import { renewalSuite } from './suites/renewals.ts';
import { requestSuite } from './suites/requests.ts';

describe('the agent on a real node', () => {
  let opened: NodeContext | undefined;
  const context = (): NodeContext => {
    if (opened === undefined) throw new Error('the cluster did not start');
    return opened;
  };
  before(async () => {
    opened = await openNodeContext();
    await opened.agent.install();
  });
  after(() => opened?.stop());

  attributeSuite(context);
  requestSuite(context);
  fileSuite(context);
  renewalSuite(context);
  refusalSuite(context);
  manyPodsSuite(context);
  interruptionSuite(context);
  removalSuite(context);
  nodeRestartSuite(context);
  notReadySuite(context);
  releaseSuite(context);
});
