import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configHelp, readConfig } from './config.ts';

const required = ['--node-id=n', '--endpoint=/csi.sock'];

describe('readConfig', () => {
  test('accepts a command line of cert-manager’s csi-driver unchanged', () => {
    const config = readConfig(
      [
        ...['--node-id=n', '--endpoint=unix://plugin/csi.sock', '--log-level=1', '--driver-name=csi.cert-manager.io'],
        ...['--data-root=csi-data-dir', '--use-token-request=false', '--metrics-bind-address=:9402'].map((flag) =>
          flag.replace('=csi-data', '=/csi-data'),
        ),
        ...[
          '--continue-on-not-ready=true',
          '--kube-api-qps=20',
          '--kube-api-burst=50',
          '--pod-readiness-gate=pod-ip:any',
        ],
        ...[
          '--gate-backoff-duration=1s',
          '--gate-backoff-factor=2.0',
          '--gate-backoff-jitter=0.5',
          '--gate-backoff-cap=10s',
        ],
      ],
      {},
    );
    assert.equal(config.endpoint, '/plugin/csi.sock');
    assert.equal(config['data-root'], '/csi-data-dir');
    assert.equal(config['continue-on-not-ready'], true);
    assert.equal(config['gate-backoff-cap'], 10_000);
    assert.deepEqual(config['metrics-bind-address'], { host: undefined, port: 9402 });
    assert.equal(config['pod-readiness-gate'].length, 1);
  });

  test('has the defaults of csi-driver, and 720 hours', () => {
    const config = readConfig(required, {});
    assert.equal(config['driver-name'], 'csi.cert-manager.io');
    assert.equal(config['data-root'], '/csi-data-dir');
    assert.equal(config['metrics-bind-address'], undefined);
    assert.equal(config['default-duration'], 720 * 3_600_000);
    assert.equal(config['use-token-request'], false);
  });

  test('finds the kubeconfig by the flag, then by the environment', () => {
    assert.equal(readConfig(required, {}).kubeconfig, undefined);
    assert.equal(readConfig(required, { KUBECONFIG: '/env' }).kubeconfig, '/env');
    assert.equal(readConfig([...required, '--kubeconfig=/flag'], { KUBECONFIG: '/env' }).kubeconfig, '/flag');
  });

  test('accepts every form of the socket path', () => {
    for (const endpoint of ['unix:///run/c.sock', 'unix://run/c.sock', '/run/c.sock', 'unix:/run/c.sock']) {
      assert.equal(readConfig(['--node-id=n', `--endpoint=${endpoint}`], {}).endpoint, '/run/c.sock');
    }
    for (const endpoint of ['', 'unix://', 'tcp://host:1']) {
      assert.throws(() => readConfig(['--node-id=n', `--endpoint=${endpoint}`], {}), /--endpoint: expected unix:/);
    }
  });

  test('rejects driver names that CSI does not allow', () => {
    for (const name of ['', '-a', 'a/b', 'a'.repeat(64)]) {
      assert.throws(
        () => readConfig([...required, `--driver-name=${name}`], {}),
        /--driver-name: expected a CSI driver/,
      );
    }
  });

  test('names every flag once in its help', () => {
    assert.equal(configHelp().match(/--node-id/g)?.length, 1);
  });
});
