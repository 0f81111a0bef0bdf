import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { CsiClient, RegistrationCaller } from '@certfleet/csi-client/csi-client.ts';
import { waitUntil } from '../cluster/wait.ts';
import { AgentProcess } from './agent-process.ts';
import { cannotMount, TestNode } from './test-node.ts';
import { readVolume } from './volume-files.ts';

describe('the agent as a process', { skip: cannotMount }, () => {
  let node: TestNode;
  let agent: AgentProcess;
  let client: CsiClient;
  const registrationSocket = (): string => join(node.registryPath, 'csi.cert-manager.io-reg.sock');

  before(() => {
    node = new TestNode();
  });
  beforeEach(async () => {
    agent = await AgentProcess.start(node);
    client = new CsiClient(node.socketPath);
  });
  afterEach(async () => {
    client.close();
    await agent.kill();
  });
  after(() => node.remove());

  test('registers itself, and its readiness follows the kubelet’s result', async () => {
    const kubelet = new RegistrationCaller(registrationSocket());
    after(() => kubelet.close());
    assert.deepEqual(await kubelet.getInfo(), {
      type: 'CSIPlugin',
      name: 'csi.cert-manager.io',
      endpoint: node.socketPath,
      supportedVersions: ['1.0.0'],
    });
    assert.equal((await agent.get('/readyz')).status, 200);
    await kubelet.notify(false, 'a driver of that name is there');
    assert.deepEqual(await agent.get('/readyz'), {
      status: 503,
      body: 'the kubelet refused the driver: a driver of that name is there\n',
    });
    assert.equal((await agent.get('/healthz')).status, 200);
    await kubelet.notify(true, '');
    assert.equal((await agent.get('/readyz')).status, 200);
  });

  test('restricts its sockets to the owner and removes them on stop', async () => {
    for (const path of [node.socketPath, registrationSocket()]) assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(await agent.stop(), 0);
    for (const path of [node.socketPath, registrationSocket()]) assert.ok(!existsSync(path), path);
  });

  test('stops at once although the DNS server of its controller does not respond', async () => {
    await agent.kill();
    const [resolvConf, token] = [join(node.root, 'resolv.conf'), join(node.root, 'token')];
    // A documentation address (RFC 5737): packets are dropped within this network namespace.
    writeFileSync(resolvConf, 'nameserver 192.0.2.1\n');
    writeFileSync(token, 'token');
    const network = 'ip link set lo up; ip route add default dev lo; mount --bind "$0" /etc/resolv.conf; exec "$@"';
    agent = await AgentProcess.start(node, {
      flags: ['--controller-address=controller.example:8443', `--controller-token-file=${token}`],
      through: ['unshare', '--net', '--mount', 'sh', '-c', network, resolvConf],
    });
    const isAsked = (): boolean => readFileSync(`/proc/${agent.pid}/net/udp`, 'latin1').includes(':0035 ');
    await waitUntil('the name server to be asked', () => Promise.resolve(isAsked()), { timeoutMs: 20_000 });
    const startedMs = performance.now();
    assert.equal(await agent.stop(), 0);
    // A resolver times out after ten seconds; an agent that does not wait exits within a second, also on a busy
    // machine.
    assert.ok(performance.now() - startedMs < 5_000, `${performance.now() - startedMs} ms`);
  });

  test('replaces a socket that a killed agent left', async () => {
    await agent.kill();
    assert.ok(existsSync(node.socketPath));
    agent = await AgentProcess.start(node);
    const next = new CsiClient(node.socketPath);
    after(() => next.close());
    assert.equal(await next.pluginName(), 'csi.cert-manager.io');
  });

  test('reports the maximum length of a socket path', async () => {
    const { exitCode, output } = await AgentProcess.runToEnd(node, {
      flags: [`--endpoint=unix:///run/${'x'.repeat(120)}`],
    });
    assert.equal(exitCode, 1);
    assert.match(output, /expected a socket path of at most 107 bytes, found 125/);
  });

  test('reports all wrong flags together and exits with EX_USAGE of sysexits.h', async () => {
    const wrong = [
      '--data-root=relative',
      '--gate-backoff-factor=0',
      '--no-such-flag',
      '--pod-readiness-gate=pod-ip:7',
    ];
    const { exitCode, output } = await AgentProcess.runToEnd(node, { flags: wrong });
    assert.equal(exitCode, 64);
    for (const flag of ['data-root', 'gate-backoff-factor', 'no-such-flag', 'pod-readiness-gate']) {
      assert.ok(output.includes(`--${flag}`), `${flag} in ${output}`);
    }
    assert.ok(!output.includes('node-id'), 'valid flags are not reported');
  });

  test('survives malformed input on its ports', async () => {
    const port = agent.logLines('listening')[0]?.['metrics'];
    for (const line of ['GET // HTTP/1.1', 'GET http://[ HTTP/1.1', 'POST /metrics HTTP/1.1', '\u0000\u0001']) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume().write(`${line}\r\nhost: x\r\nconnection: close\r\n\r\n`);
      await once(socket, 'close');
    }
    assert.equal((await agent.get('/metrics')).status, 200);
  });

  test('answers twenty concurrent publishes of one volume with one certificate', async () => {
    const volume = node.volume('crowd');
    await Promise.all(Array.from({ length: 20 }, () => client.publish(volume)));
    assert.equal(await agent.metric('issuances_total', 'result="success"'), 1);
    assert.equal(node.mountPoints().length, 1);
    assert.ok(node.isReadOnly(volume));
    readVolume(volume.targetPath);
    await client.unpublish(volume);
  });

  test('leaves nothing after concurrent publishes and unpublishes', async () => {
    const volumes = Array.from({ length: 8 }, (_, index) => node.volume(`storm-${index}`));
    const calls = volumes.flatMap((volume) =>
      Array.from({ length: 6 }, (_, index) =>
        index % 2 === 0 ? client.publish(volume).catch(() => undefined) : client.unpublish(volume),
      ),
    );
    await Promise.all(calls);
    for (const volume of volumes) await client.unpublish(volume);
    assert.deepEqual(node.stored(), []);
    assert.deepEqual(node.mountPoints(), []);
    for (const { targetPath } of volumes) assert.ok(!existsSync(targetPath));
  });

  test('rejects an id that would escape its directory', async () => {
    for (const volumeId of ['..', '.', 'a/b', '../../etc', 'a\u0000b']) {
      const volume = { ...node.volume('hostile'), volumeId };
      await assert.rejects(client.publish(volume), /INVALID_ARGUMENT/, JSON.stringify(volumeId));
    }
    assert.deepEqual(node.stored(), []);
  });
});
