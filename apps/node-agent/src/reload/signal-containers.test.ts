import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { loadProcessCalls } from './process-calls.ts';
import type { ProcessCalls } from './process-calls.ts';
import { signalContainers } from './signal-containers.ts';

const podUid = '1f0e9a52-8d5c-4a55-9b3c-d7c0ffee0001';
const idOf = (letter: string): string => letter.repeat(64);
const cgroupOf = (id: string): string => `0::/kubepods/burstable/pod${podUid}/${id}\n`;

let procPath: string;
let children: ChildProcess[];

beforeEach(() => {
  procPath = mkdtempSync('/dev/shm/certfleet-proc-');
  children = [];
  describeProcess('self', '0::/system.slice/agent\n', [100]);
});

afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
  rmSync(procPath, { recursive: true });
});

function describeProcess(pid: number | 'self', cgroup: string, numbers: readonly number[]): void {
  const directory = join(procPath, String(pid));
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'cgroup'), cgroup);
  writeFileSync(join(directory, 'status'), `NSpid:\t${numbers.join('\t')}\n`);
}

/** A real process that prints the signals that it gets, described as process 1 of a container. */
async function startInit(containerId: string): Promise<{ readonly pid: number; nextLine(): Promise<unknown> }> {
  const script =
    "for (const name of ['SIGHUP', 'SIGUSR2']) process.on(name, () => console.log(name));" +
    "console.log('ready'); setInterval(() => undefined, 60_000);";
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<unknown> => (await lines.next()).value;
  assert.equal(await nextLine(), 'ready');
  const { pid = 0 } = child;
  describeProcess(pid, cgroupOf(containerId), [pid, 1]);
  return { pid, nextLine };
}

/** Calls that record what is signalled. */
function recordedCalls(before: (pid: number) => void = () => undefined): ProcessCalls & { readonly sent: number[] } {
  const sent: number[] = [];
  return {
    sent,
    open: (pid) => {
      before(pid);
      return { send: () => (sent.push(pid), 0), close: () => undefined };
    },
  };
}

const order = (...containerIds: string[]): Parameters<typeof signalContainers>[1] => ({
  podUid,
  containerIds,
  signal: 'SIGHUP',
});

describe('signalContainers', () => {
  test('signals process 1 of each container, and only of these', async () => {
    const [first, second] = [await startInit(idOf('a')), await startInit(idOf('b'))];
    const calls = loadProcessCalls();
    const signalled = await signalContainers({ calls, procPath }, { ...order(idOf('b')), signal: 'SIGUSR2' });
    assert.deepEqual([...signalled], [idOf('b')]);
    assert.equal(await second.nextLine(), 'SIGUSR2');
    const both = await signalContainers({ calls, procPath }, order(idOf('a'), idOf('b'), idOf('c')));
    assert.deepEqual([...both].sort(), [idOf('a'), idOf('b')]);
    // Its first signal: the one for the other container did not reach it.
    assert.equal(await first.nextLine(), 'SIGHUP');
    assert.equal(await second.nextLine(), 'SIGHUP');
  });

  test('finds no process that has ended', async () => {
    const { pid } = await startInit(idOf('a'));
    const [child] = children;
    const exited = once(child ?? assert.fail(), 'exit');
    process.kill(pid, 'SIGKILL');
    await exited;
    // Its files are those of a process that was read just before its end.
    const signalled = await signalContainers({ calls: loadProcessCalls(), procPath }, order(idOf('a')));
    assert.equal(signalled.size, 0);
  });

  test('does not signal a process that has got the number in the meantime', async () => {
    describeProcess(812, cgroupOf(idOf('a')), [812, 1]);
    const calls = recordedCalls((pid) => describeProcess(pid, '0::/system.slice/kubelet.service\n', [pid]));
    assert.equal((await signalContainers({ calls, procPath }, order(idOf('a')))).size, 0);
    assert.deepEqual(calls.sent, []);
  });

  test('does not signal other processes of the container, or of another pod with the same container', async () => {
    describeProcess(812, cgroupOf(idOf('a')), [812, 9]);
    describeProcess(813, cgroupOf(idOf('a')), [813]);
    describeProcess(814, cgroupOf(idOf('a')).replace(podUid, podUid.replaceAll('1', '2')), [814, 1]);
    const calls = recordedCalls();
    assert.equal((await signalContainers({ calls, procPath }, order(idOf('a')))).size, 0);
    assert.deepEqual(calls.sent, []);
  });

  test('finds a process among thousands, and reads nothing else than processes', async () => {
    for (let pid = 1000; pid < 3000; pid += 1) describeProcess(pid, '0::/system.slice/x.service\n', [pid]);
    mkdirSync(join(procPath, 'sys'));
    mkdirSync(join(procPath, '0812'));
    describeProcess(3000, cgroupOf(idOf('a')), [3000, 1]);
    const calls = recordedCalls();
    assert.equal((await signalContainers({ calls, procPath }, order(idOf('a')))).size, 1);
    assert.deepEqual(calls.sent, [3000]);
  });

  test('explains a refusal of the kernel', async () => {
    describeProcess(812, cgroupOf(idOf('a')), [812, 1]);
    const refusing = (errno: number): ProcessCalls => ({
      open: () => ({ send: () => errno, close: () => undefined }),
    });
    const signal = (calls: ProcessCalls): Promise<unknown> => signalContainers({ calls, procPath }, order(idOf('a')));
    const { EPERM, ENOSYS, EINVAL } = constants.errno;
    await assert.rejects(signal(refusing(EPERM)), { code: 'permission-denied', message: /SIGHUP.*CAP_KILL/ });
    await assert.rejects(signal({ open: () => ENOSYS }), { message: /Linux 5\.3/ });
    await assert.rejects(signal({ open: () => EINVAL }), { message: new RegExp(`errno ${EINVAL}`) });
  });
});
