import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseObservedRequest } from './observed-request.ts';
import type { ObservedRequest } from './observed-request.ts';
import { decodeRow, encodeRow, stateOf } from './pod-certificate-row.ts';
import type { PodCertificateRow } from './pod-certificate-row.ts';
import { PodCertificateTable } from './pod-certificate-table.ts';
import { parsePod } from './projecting-pod.ts';
import type { ProjectingPod } from './projecting-pod.ts';
import { podObject, requestObject, signer } from './testing/objects.ts';
import type { PodSketch, RequestSketch } from './testing/objects.ts';

const nowMs = Date.parse('2026-11-30T12:00:00Z');
const minuteMs = 60_000;
const dayMs = 86_400_000;

function podOf(sketch: PodSketch): ProjectingPod {
  const pod = parsePod(podObject({ createdMs: nowMs - dayMs, ...sketch }));
  assert.ok(pod);
  return pod;
}

function requestOf(sketch: Omit<RequestSketch, 'createdMs'> & { readonly createdMs?: number }): ObservedRequest {
  const request = parseObservedRequest(requestObject({ createdMs: nowMs, ...sketch }));
  assert.ok(request);
  return request;
}

const issued = { type: 'Issued', lifetimeMs: dayMs } as const;
const denied = { type: 'Denied', reason: 'IdentityNotAllowed', message: 'no entry matches' } as const;

/** A table with the pods, each of which was followed since its creation or not. */
function tableOf(...pods: readonly ProjectingPod[]): PodCertificateTable {
  const table = new PodCertificateTable();
  table.syncPods(pods, nowMs);
  return table;
}

const rowsOf = (table: PodCertificateTable): readonly PodCertificateRow[] => [...table.rows.values()];

function onlyRow(table: PodCertificateTable): PodCertificateRow {
  const [row, ...others] = rowsOf(table);
  assert.ok(row !== undefined && others.length === 0, JSON.stringify(rowsOf(table)));
  return row;
}

const stateIn = (table: PodCertificateTable, atMs = nowMs): string => stateOf(onlyRow(table), atMs);

describe('the rows of pod certificates', () => {
  test('show a pod whose requests are gone as unknown, and follow its next refresh', () => {
    const table = tableOf(podOf({ uid: 'a' }));
    assert.equal(stateIn(table), 'unknown');
    table.requestSeen(requestOf({ uid: 'r1', podUid: 'a' }));
    assert.equal(stateIn(table), 'pending');
    table.requestSeen(requestOf({ uid: 'r1', podUid: 'a', answer: issued }));
    assert.equal(stateIn(table), 'issued');
    const { request, certificate } = onlyRow(table);
    assert.deepEqual([request?.name, certificate?.notAfterMs], ['req-r1', nowMs + dayMs]);
  });

  test('keep what the API server has deleted, until the pod is gone', () => {
    const table = tableOf(podOf({ uid: 'a' }));
    const request = requestOf({ uid: 'r1', podUid: 'a', answer: issued });
    table.requestSeen(request);
    table.requestGone(request);
    table.syncRequests([]);
    assert.equal(stateIn(table), 'issued');
    table.podGone('a');
    assert.deepEqual(rowsOf(table), []);
    const removal = table.takeChanges(10);
    assert.equal(removal.at(-1)?.json, '');
  });

  test('name what a row is about', () => {
    const owner = { kind: 'ReplicaSet', name: 'web-5d9c7b' };
    const table = tableOf(podOf({ uid: 'a', name: 'web-5d9c7b-x', owner, labels: { 'pod-template-hash': '5d9c7b' } }));
    const row = onlyRow(table);
    assert.deepEqual(
      [
        row.podUid,
        row.namespace,
        row.pod,
        row.node,
        row.serviceAccount,
        row.workload,
        row.signer,
        row.keyType,
        row.volumes,
      ],
      ['a', 'shop', 'web-5d9c7b-x', 'node-1', 'web', 'Deployment/web', signer, 'ECDSAP256', ['tls']],
    );
    const byOwner = (kind: string, name: string): string => podOf({ uid: 'p', owner: { kind, name } }).workload;
    assert.equal(byOwner('Job', 'backup-29412345'), 'CronJob/backup');
    assert.equal(byOwner('StatefulSet', 'db'), 'StatefulSet/db');
    assert.equal(podOf({ uid: 'p', name: 'alone' }).workload, 'Pod/alone');
  });

  test('tell the projections of one pod apart by what their requests contain', () => {
    const sources = {
      plain: [{ signerName: signer, keyType: 'ECDSAP256' }],
      short: [{ signerName: signer, keyType: 'ECDSAP256', maxExpirationSeconds: 3_600 }],
      edwards: [{ signerName: signer, keyType: 'ED25519' }],
      named: [
        { signerName: signer, keyType: 'ECDSAP256', userAnnotations: { 'example.com/b': '2', 'example.com/a': '1' } },
      ],
      again: [{ signerName: signer, keyType: 'ECDSAP256', maxExpirationSeconds: 86_400 }],
    };
    const table = tableOf(podOf({ uid: 'a', volumes: sources }));
    const annotations = { 'example.com/a': '1', 'example.com/b': '2' };
    const requests = {
      short: { spec: { maxExpirationSeconds: 3_600 } },
      edwards: { keyType: 'ED25519' as const },
      named: { spec: { unverifiedUserAnnotations: annotations } },
      plain: {},
    };
    for (const [uid, sketch] of Object.entries(requests)) table.requestSeen(requestOf({ uid, podUid: 'a', ...sketch }));
    const found = rowsOf(table).map(({ volumes, request }) => [volumes.join('+'), request?.uid]);
    // Equal projections are one row: nothing distinguishes their certificates.
    assert.deepEqual(found.sort(), [
      ['edwards', 'edwards'],
      ['named', 'named'],
      ['plain+again', 'plain'],
      ['short', 'short'],
    ]);
  });

  test('find the row of a request with unknown content by its signer, if the pod has one projection of it', () => {
    const table = tableOf(podOf({ uid: 'a' }));
    table.requestSeen(requestOf({ uid: 'r1', podUid: 'a', spec: { maxExpirationSeconds: 7_200 } }));
    assert.equal(stateIn(table), 'pending');
    const foreign = tableOf(podOf({ uid: 'a' }));
    foreign.requestSeen(requestOf({ uid: 'r1', podUid: 'a', spec: { signerName: 'example.com/other' } }));
    assert.equal(stateIn(foreign), 'unknown');
  });

  test('are pending since the first of several unanswered requests', () => {
    const table = tableOf(podOf({ uid: 'a' }));
    table.requestSeen(requestOf({ uid: 'r1', podUid: 'a' }));
    table.requestSeen(requestOf({ uid: 'r2', podUid: 'a', createdMs: nowMs + 10 * minuteMs }));
    assert.deepEqual([onlyRow(table).request?.name, onlyRow(table).request?.sinceMs], ['req-r2', nowMs]);
  });

  test('keep the certificate of the pod while its refresh is pending or refused', () => {
    const table = tableOf(podOf({ uid: 'a' }));
    table.requestSeen(requestOf({ uid: 'r1', podUid: 'a', answer: issued }));
    const next = { uid: 'r2', podUid: 'a', createdMs: nowMs + 17 * 60 * minuteMs };
    table.requestSeen(requestOf(next));
    assert.equal(stateIn(table), 'pending');
    assert.equal(onlyRow(table).certificate?.notAfterMs, nowMs + dayMs);
    table.requestSeen(requestOf({ ...next, answer: denied }));
    assert.equal(stateIn(table), 'denied');
    const { request, certificate } = onlyRow(table);
    assert.deepEqual([request?.reason, request?.message], [denied.reason, denied.message]);
    assert.equal(certificate?.notAfterMs, nowMs + dayMs);
  });

  test('ignore the answer to a request that a newer one has replaced', () => {
    const table = tableOf(podOf({ uid: 'a' }));
    table.requestSeen(requestOf({ uid: 'r1', podUid: 'a' }));
    table.requestSeen(requestOf({ uid: 'r2', podUid: 'a', createdMs: nowMs + minuteMs }));
    table.requestSeen(requestOf({ uid: 'r1', podUid: 'a', answer: issued }));
    assert.equal(stateIn(table), 'pending');
    assert.equal(onlyRow(table).certificate, undefined);
  });

  test('are overdue when the time of the refresh, the jitter of the kubelet and a margin have passed', () => {
    const table = tableOf(podOf({ uid: 'a' }));
    table.requestSeen(requestOf({ uid: 'r1', podUid: 'a', answer: issued }));
    const refreshMs = nowMs + (dayMs * 2) / 3;
    assert.equal(stateIn(table, refreshMs + 8 * minuteMs), 'issued');
    assert.equal(stateIn(table, refreshMs + 8 * minuteMs + 1), 'overdue');
    assert.equal(stateIn(table, nowMs + dayMs), 'expired');
    table.requestSeen(requestOf({ uid: 'r2', podUid: 'a', createdMs: refreshMs + 9 * minuteMs }));
    assert.equal(stateIn(table, refreshMs + 10 * minuteMs), 'pending');
  });

  test('are pending, not unknown, for a pod that was followed since its creation or has no node', () => {
    const table = tableOf(podOf({ uid: 'young', createdMs: nowMs - minuteMs }));
    assert.equal(stateIn(table), 'pending');
    const unscheduled = tableOf(podOf({ uid: 'a', node: '' }));
    assert.equal(stateIn(unscheduled), 'pending');
    const watched = tableOf();
    watched.podChanged(podOf({ uid: 'a' }), true);
    assert.equal(stateIn(watched), 'pending');
    watched.podChanged(podOf({ uid: 'a', node: 'node-2' }), false);
    assert.deepEqual([stateIn(watched), onlyRow(watched).node], ['pending', 'node-2']);
  });

  test('go when their pod has ended or is missing in a list', () => {
    const table = tableOf(podOf({ uid: 'a' }), podOf({ uid: 'b' }));
    table.podChanged(podOf({ uid: 'a', phase: 'Succeeded' }), false);
    assert.equal(onlyRow(table).podUid, 'b');
    table.syncPods([podOf({ uid: 'c' }), podOf({ uid: 'd', phase: 'Failed' })], nowMs);
    assert.equal(onlyRow(table).podUid, 'c');
  });

  test('take a request that comes before its pod', () => {
    const table = tableOf();
    const early = requestOf({ uid: 'r1', podUid: 'a', answer: issued });
    const gone = requestOf({ uid: 'r2', podUid: 'b' });
    table.requestSeen(early);
    table.requestSeen(gone);
    table.requestGone(gone);
    table.podChanged(podOf({ uid: 'a' }), true);
    assert.equal(stateIn(table), 'issued');
    table.podGone('a');
    table.podChanged(podOf({ uid: 'b' }), false);
    assert.equal(onlyRow(table).request, undefined);
  });

  test('become unknown if their refresh may have come and gone unseen', () => {
    const volumes = { tls: [{ signerName: signer, keyType: 'ECDSAP256' }] };
    const table = tableOf(...['fresh', 'due', 'waits', 'refused'].map((uid) => podOf({ uid, volumes })));
    table.requestSeen(requestOf({ uid: 'r1', podUid: 'fresh', answer: issued }));
    table.requestSeen(requestOf({ uid: 'r2', podUid: 'due', createdMs: nowMs - dayMs + minuteMs, answer: issued }));
    table.requestSeen(requestOf({ uid: 'r3', podUid: 'waits', createdMs: nowMs - 20 * minuteMs }));
    table.requestSeen(requestOf({ uid: 'r4', podUid: 'refused', createdMs: nowMs - dayMs, answer: denied }));
    // The API server still has whatever was requested for these.
    table.podChanged(podOf({ uid: 'young', createdMs: nowMs - minuteMs }), true);
    table.podChanged(podOf({ uid: 'asks' }), true);
    table.requestSeen(requestOf({ uid: 'r5', podUid: 'asks', createdMs: nowMs - minuteMs }));
    // It has requested nothing while it was followed.
    table.podChanged(podOf({ uid: 'silent' }), true);
    table.forgetMissed(nowMs);
    const states = rowsOf(table).map((row) => [row.podUid, stateOf(row, nowMs)]);
    assert.deepEqual(Object.fromEntries(states), {
      fresh: 'issued',
      due: 'unknown',
      waits: 'unknown',
      refused: 'denied',
      young: 'pending',
      asks: 'pending',
      silent: 'unknown',
    });
  });

  test('have a maximum number, and count the pods that are left out', () => {
    const table = new PodCertificateTable({ maxRows: 2, maxEarlyPods: 2 });
    table.syncPods(
      ['a', 'b', 'c'].map((uid) => podOf({ uid })),
      nowMs,
    );
    assert.deepEqual([table.rows.size, table.omitted], [2, 1]);
    for (const podUid of ['x', 'y', 'z', 'c']) table.requestSeen(requestOf({ uid: `r-${podUid}`, podUid }));
    table.podGone('a');
    // The oldest of the early requests had to go.
    table.podChanged(podOf({ uid: 'x' }), false);
    assert.deepEqual(
      rowsOf(table).map(({ podUid, request }) => [podUid, request?.uid]),
      [
        ['b', undefined],
        ['x', undefined],
      ],
    );
    table.podGone('x');
    table.podChanged(podOf({ uid: 'z' }), false);
    assert.equal(rowsOf(table)[1]?.request?.uid, 'r-z');
    const many = Array.from({ length: 40 }, (_, i) => ({ signerName: `example.com/${i}`, keyType: 'ED25519' }));
    assert.equal(podOf({ uid: 'p', volumes: { tls: many } }).projections.length, 16);
  });

  test('are written when they change, and only then', () => {
    const table = tableOf(podOf({ uid: 'a' }), podOf({ uid: 'b' }));
    assert.equal(table.takeChanges(1).length, 1);
    assert.equal(table.takeChanges(5).length, 1);
    const request = requestOf({ uid: 'r1', podUid: 'a', answer: issued });
    table.requestSeen(request);
    assert.equal(table.takeChanges(5).length, 1);
    table.requestSeen(request);
    table.podChanged(podOf({ uid: 'a' }), false);
    table.syncPods([podOf({ uid: 'a' }), podOf({ uid: 'b' })], nowMs);
    assert.deepEqual(table.takeChanges(5), []);
  });

  test('are read as they were written; unknown layouts are skipped', () => {
    const table = tableOf(podOf({ uid: 'a' }));
    table.requestSeen(requestOf({ uid: 'r1', podUid: 'a', answer: issued }));
    const row = onlyRow(table);
    assert.deepEqual(decodeRow(row.id, encodeRow(row)), row);
    for (const json of ['{"v":2}', '[]', 'null', 'x']) assert.equal(decodeRow('id', json), undefined);
  });
});
