import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { AgentHttp } from './agent-http.ts';
import { AgentMetrics } from './agent-metrics.ts';
import { HttpEndpoint } from '@certfleet/shared/http-endpoint.ts';

const address = { host: '127.0.0.1', port: 0 };
let notReady: string | undefined;
let http: AgentHttp;
let metrics: AgentMetrics;
let ports: { metrics: number | undefined; health: number | undefined };
const get = async (port: number | undefined, path: string, method = 'GET'): Promise<[number, string]> => {
  const response = await fetch(`http://127.0.0.1:${port ?? 0}${path}`, { method });
  return [response.status, await response.text()];
};

beforeEach(async () => {
  notReady = undefined;
  metrics = new AgentMetrics(() => ({
    volumes: { ready: 3, pending: 1, failing: 0, expired: 0 },
    urgency: { overdue: 4, halfLeft: 2, quarterLeft: 1 },
    withoutCertificate: 0,
    soonestNotAfter: new Date(1_700_000_000_000),
    rsaKeysReady: 7,
  }));
  const { registry } = metrics;
  http = new AgentHttp({ metricsAddress: address, healthAddress: address, registry, notReady: () => notReady });
  ports = await http.start();
});
afterEach(() => http.stop());

describe('AgentHttp', () => {
  test('is alive whether ready or not, and reports why it is not ready', async () => {
    assert.deepEqual(await get(ports.health, '/readyz'), [200, 'ok\n']);
    notReady = 'waiting for a list';
    assert.deepEqual(await get(ports.health, '/readyz'), [503, 'waiting for a list\n']);
    assert.deepEqual(await get(ports.health, '/healthz'), [200, 'ok\n']);
  });

  test('serves metrics and health separately, and only GET', async () => {
    assert.equal((await get(ports.health, '/metrics'))[0], 404);
    assert.equal((await get(ports.metrics, '/healthz'))[0], 404);
    assert.equal((await get(ports.metrics, '/metrics', 'POST'))[0], 405);
    assert.deepEqual(await get(ports.health, '/healthz?verbose'), [200, 'ok\n']);
    assert.equal((await get(ports.health, '/__proto__'))[0], 404);
  });

  test('survives a malformed request line', async () => {
    const socket = connect(ports.health ?? 0, '127.0.0.1');
    let said = '';
    socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
    socket.write('GET // HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    await once(socket, 'close');
    assert.match(said, /^HTTP\/1\.1 404 /);
    assert.equal((await get(ports.health, '/healthz'))[0], 200);
  });

  test('exports bounded series, in seconds', async () => {
    metrics.issuanceEnded('success', 'mount', 'csi-1');
    metrics.issuanceFailed('RequestDenied');
    metrics.phaseEnded('key', 250);
    metrics.renewed(-5);
    metrics.csiCallEnded('NodePublishVolume', 'OK', 20);
    metrics.apiRequestEnded('create', 'certificaterequests', '201');
    metrics.keyTaken(true);
    metrics.eventDropped();
    metrics.damagedVolumes(2);
    const [, page] = await get(ports.metrics, '/metrics');
    for (const line of [
      'issuances_total{result="success",cause="mount"} 1',
      'issuances_total{result="success",cause="deadline"} 0',
      'issuance_failures_total{reason="RequestDenied"} 1',
      'volumes_overdue 4',
      'volumes_expiring_soon{left="1/2"} 2',
      'volumes_expiring_soon{left="1/4"} 1',
      'issuance_phase_duration_seconds_sum{phase="key"} 0.25',
      'renewal_lag_seconds_sum 0',
      'csi_request_duration_seconds_count{method="NodePublishVolume",code="OK"} 1',
      'kubernetes_api_requests_total{verb="create",resource="certificaterequests",code="201"} 1',
      'rsa_key_pool_takes_total{result="ready"} 1',
      'kubernetes_events_dropped_total 1',
      'damaged_volumes 2',
      'volumes{state="ready"} 3',
      'soonest_not_after_timestamp_seconds 1700000000',
      'rsa_keys_ready 7',
    ]) {
      assert.ok(page.includes(`certfleet_agent_${line}\n`), line);
    }
  });

  test('names the port on which it cannot listen, and has no port if disabled', async () => {
    const taken = new HttpEndpoint({ host: '127.0.0.1', port: ports.health ?? 0 }, {});
    await assert.rejects(taken.start(), { code: 'unavailable', message: /cannot listen on port \d+/ });
    const off = new AgentHttp({
      metricsAddress: undefined,
      healthAddress: undefined,
      registry: metrics.registry,
      notReady: () => undefined,
    });
    assert.deepEqual(await off.start(), { metrics: undefined, health: undefined });
    await off.stop();
  });
});
