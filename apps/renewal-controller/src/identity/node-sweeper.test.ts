import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { FleetView } from '../fleet-index/fleet-view.ts';
import { NodeSweeper } from './node-sweeper.ts';

const hourMs = 3_600_000;

function fixture(
  lastSeenMs: Readonly<Record<string, number>>,
  inCluster: (node: string) => boolean,
): { sweeper: NodeSweeper; forgotten: string[] } {
  const clock = new ManualClock(100 * hourMs);
  const view = new FleetView();
  for (const node of Object.keys(lastSeenMs)) view.setNode(node, { agentVersion: '1', connectedTo: 'here' });
  view.setSeen(new Map(Object.entries(lastSeenMs).filter(([, atMs]) => atMs > 0)));
  const forgotten: string[] = [];
  const sweeper = new NodeSweeper({
    view: () => view,
    client: {
      request: ({ name = '' }) =>
        inCluster(name) ? Promise.resolve({}) : Promise.reject(new CertfleetError('not-found', 'no such node')),
    },
    silentAfterMs: 30_000,
    forgetAfterMs: 24 * hourMs,
    forget: (node) => {
      forgotten.push(node);
      return Promise.resolve();
    },
    clock,
    log: createLogger(0, { write: () => undefined }),
  });
  return { sweeper, forgotten };
}

test('forgets the silent nodes that left the cluster, and those that were silent for too long', async () => {
  const now = 100 * hourMs;
  const { sweeper, forgotten } = fixture(
    { online: now, rebooting: now - 60_000, gone: now - 60_000, dead: now - 25 * hourMs, enrolling: 0 },
    (node) => node !== 'gone' && node !== 'enrolling',
  );
  await sweeper.sweep();
  assert.deepEqual(forgotten, ['gone', 'dead']);
});

test('keeps a node of which the API server cannot say whether it is there', async () => {
  const { sweeper, forgotten } = fixture({ quiet: 1 * hourMs + 98 * hourMs }, () => {
    throw new CertfleetError('unavailable', 'the api server is away');
  });
  await sweeper.sweep();
  assert.deepEqual(forgotten, []);
});
