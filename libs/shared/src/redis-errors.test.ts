import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { reconnectOnFault, redisFault } from './redis-errors.ts';
import type { RedisFault } from './redis-errors.ts';

const in62 = (text: string): string =>
  `ERR Error running script (call to f_c664a3bf70bd1d45c4284ffebb65a6f2299bfc9f): @user_script:1: @user_script: 1: ${text}`;

const examples: readonly (readonly [RedisFault, string])[] = [
  ['not-primary', "READONLY You can't write against a read only replica."],
  ['not-primary', "-READONLY You can't write against a read only replica."],
  ['not-primary', "READONLY You can't write against a read only replica. script: c664a3, on @user_script:1."],
  ['not-primary', in62("-READONLY You can't write against a read only replica.")],
  ['not-primary', `-${in62("-READONLY You can't write against a read only replica.")}`],
  ['not-primary', "EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica."],
  ['not-primary', 'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)'],
  ['not-primary', "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."],
  ['busy', 'LOADING Redis is loading the dataset in memory'],
  ['busy', 'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.'],
  ['busy', 'CLUSTERDOWN The cluster is down'],
  ['busy', 'ERR max number of clients reached'],
  ['refuses-writes', "OOM command not allowed when used memory > 'maxmemory'."],
  ['refuses-writes', in62("-OOM command not allowed when used memory > 'maxmemory'.")],
  ['refuses-writes', 'MISCONF Redis is configured to save RDB snapshots, but it is unable to persist on disk.'],
  ['refuses-writes', 'NOREPLICAS Not enough good replicas to write.'],
  ['forbidden', "NOPERM this user has no permissions to run the 'hset' command"],
  [
    'forbidden',
    "ERR ACL failure in script: User ctl has no permissions to run the 'hset' command script: 0a, on @user_script:1.",
  ],
  ['forbidden', in62("The user executing the script can't run this command or subcommand")],
  ['forbidden', 'WRONGPASS invalid username-password pair or user is disabled.'],
  ['no-script', 'NOSCRIPT No matching script. Please use EVAL.'],
  ['unreachable', 'Command timed out'],
  ['unreachable', 'Connection is closed.'],
  ['unreachable', "Socket timeout. Expecting data, but didn't receive any in 10000ms."],
  ['other', 'WRONGTYPE Operation against a key holding the wrong kind of value'],
  ['other', "ERR unknown command 'READONLY', with args beginning with: 'OOM ' "],
  ['other', 'ERR value is not a float: READONLY '],
];

describe('redisFault', () => {
  test('classifies the errors of every Redis version', () => {
    for (const [fault, message] of examples) assert.equal(redisFault(new Error(message)), fault, message);
    assert.equal(redisFault(Object.assign(new Error('connect ECONNREFUSED'), { syscall: 'connect' })), 'unreachable');
    assert.equal(redisFault('READONLY '), 'other');
  });
});

describe('reconnectOnFault', () => {
  test('reconnects to a server that is no longer the primary, at most once a second', () => {
    let nowMs = 0;
    const seen: RedisFault[] = [];
    const decide = reconnectOnFault(
      () => nowMs,
      (fault) => void seen.push(fault),
    );
    const readOnly = new Error(in62("-READONLY You can't write against a read only replica."));
    assert.deepEqual([decide(readOnly), decide(readOnly)], [2, false]);
    nowMs = 1_000;
    assert.equal(decide(new Error('NOREPLICAS Not enough good replicas to write.')), 1);
    nowMs = 2_000;
    // A full server is still the primary.
    assert.equal(decide(new Error("OOM command not allowed when used memory > 'maxmemory'.")), false);
    assert.equal(decide(new Error('WRONGTYPE Operation against a key')), false);
    assert.deepEqual(seen, ['not-primary', 'not-primary', 'refuses-writes', 'refuses-writes']);
  });
});
