import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Registry } from 'prom-client';

import { CsiDriverMetrics } from './csi-driver-metrics.ts';
import type { CsiDriverVolume } from './csi-driver-metrics.ts';

const volume: CsiDriverVolume = {
  volumeId: 'csi-1',
  namespace: 'shop',
  requestName: 'web-0-abc-1',
  issuer: { name: 'ca', kind: 'ClusterIssuer', group: 'cert-manager.io' },
  ready: 'True',
  notAfter: new Date(2_000_000_500),
  renewAt: new Date(1_000_000_000),
};

function setUp(): { metrics: CsiDriverMetrics; volumes: CsiDriverVolume[]; scrape: () => Promise<string[]> } {
  const registry = new Registry();
  const volumes = [volume];
  const metrics = new CsiDriverMetrics(registry, 'f56fd9f8b', () => volumes);
  const scrape = async (): Promise<string[]> =>
    (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return { metrics, volumes, scrape };
}

const labels =
  'name="web-0-abc-1",namespace="shop",issuer_name="ca",issuer_kind="ClusterIssuer",issuer_group="cert-manager.io"';

describe('CsiDriverMetrics', () => {
  test("has csi-driver's names and labels", async () => {
    const { metrics, scrape } = setUp();
    metrics.attemptEnded('csi-1', true);
    metrics.attemptEnded('csi-1', false);
    assert.deepEqual(await scrape(), [
      `certmanager_csi_certificate_request_ready_status{${labels},condition="True"} 1`,
      `certmanager_csi_certificate_request_ready_status{${labels},condition="False"} 0`,
      `certmanager_csi_certificate_request_ready_status{${labels},condition="Unknown"} 0`,
      `certmanager_csi_certificate_request_expiration_timestamp_seconds{${labels}} 2000000`,
      `certmanager_csi_certificate_request_renewal_timestamp_seconds{${labels}} 1000000`,
      'certmanager_csi_managed_volume_count{node="f56fd9f8b"} 1',
      'certmanager_csi_managed_certificate_request_count{node="f56fd9f8b"} 1',
      'certmanager_csi_driver_issue_call_count_total{node="f56fd9f8b",volume="csi-1"} 2',
      'certmanager_csi_driver_issue_error_count_total{node="f56fd9f8b",volume="csi-1"} 1',
    ]);
    assert.deepEqual(await scrape(), await scrape());
  });

  test('has no series of a removed volume', async () => {
    const { metrics, volumes, scrape } = setUp();
    metrics.attemptEnded('csi-1', false);
    metrics.attemptEnded('csi-gone', false);
    volumes.pop();
    const lines = await scrape();
    assert.deepEqual(lines, [
      'certmanager_csi_managed_volume_count{node="f56fd9f8b"} 0',
      'certmanager_csi_managed_certificate_request_count{node="f56fd9f8b"} 0',
    ]);
  });

  test('shows a volume without a certificate', async () => {
    const { volumes, scrape } = setUp();
    volumes[0] = { ...volume, ready: 'Unknown', notAfter: undefined, renewAt: undefined };
    const lines = await scrape();
    assert.ok(lines.includes(`certmanager_csi_certificate_request_expiration_timestamp_seconds{${labels}} 0`));
    assert.ok(lines.includes(`certmanager_csi_certificate_request_ready_status{${labels},condition="Unknown"} 1`));
  });
});
