import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { runCli } from './run-cli.ts';

interface Run {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

/** Runs the command line against a server with the given request listener. */
async function run(t: TestContext, answer: RequestListener, ...argv: readonly string[]): Promise<Run> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return await runAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, ...argv);
}

/** The local clock is one hour ahead of the controller's. */
async function runAt(origin: string, ...argv: readonly string[]): Promise<Run> {
  let [out, errors] = ['', ''];
  const code = await runCli({
    argv: [...argv, `--server=${origin}`],
    env: {},
    clock: new ManualClock(nowMs + 3_600_000),
    print: (text) => void (out += text),
    printError: (text) => void (errors += text),
  });
  return { code, out, errors };
}

const nowMs = Date.parse('2026-03-01T12:00:00Z');
const at = (offsetMs: number): string => new Date(nowMs + offsetMs).toISOString();
const byState = { expired: 0, failing: 0, 'in-flight': 0, overdue: 0, due: 0, pending: 0, healthy: 7 };
const summary = {
  at: at(0),
  volumes: 7,
  byState,
  soonestExpiry: at(90_000),
  agents: { online: 1, silent: 0 },
  lanes: { known: 0, paused: 0, backingOff: 0 },
  redis: { reachable: false },
  attention: [],
};

describe('runCli', () => {
  test('status shows known data while Redis is unavailable, names what is missing, and exits with 2', async (t) => {
    const away: RequestListener = ({ url = '' }, response) => {
      response.statusCode = url.endsWith('/summary') ? 200 : 503;
      response.end(
        JSON.stringify(url.endsWith('/summary') ? summary : { message: 'Redis is not reachable: try again' }),
      );
    };
    const { code, out, errors } = await run(t, away, 'status');
    assert.equal(code, 2);
    assert.match(out, /volumes +7/);
    assert.match(out, /soonest expiry in +90s/);
    assert.match(out, /redis +not reachable/);
    assert.match(errors, /renewals: .*503.*Redis is not reachable/);
    const json = JSON.parse((await run(t, away, 'status', '-o', 'json')).out) as { missing: string[]; summary: object };
    assert.equal(json.missing.length, 1);
  });

  test('refuses a flag that has no effect on the command, so that nothing more is renewed than it says', async (t) => {
    let requests = 0;
    const answer: RequestListener = (_, response) => {
      requests += 1;
      response.end('{}');
    };
    const renewed = await run(t, answer, 'renew', '--namespace=shop', '--at-risk', '--reason=test');
    assert.equal(renewed.code, 64);
    assert.match(renewed.errors, /renew: --at-risk has no effect on this command/);
    assert.equal((await run(t, answer, 'nodes', '--node=worker-1', '--sort=node')).code, 64);
    assert.equal(requests, 0);
  });

  test('names the cause when the controller is unreachable at all its addresses', async () => {
    const { code, errors } = await runAt('http://localhost:1', 'status');
    assert.equal(code, 1);
    assert.match(errors, /could not reach the controller at http:\/\/localhost:1: .*ECONNREFUSED/);
  });

  test('reports a response that is not JSON', async (t) => {
    const { code, errors } = await run(t, (_, response) => response.writeHead(502).end('<html>'), 'nodes');
    assert.equal(code, 1);
    assert.match(errors, /502.*not JSON/);
  });

  test('nodes shows the age of a heartbeat by the controller’s clock, never negative, and reports clock skew', async (t) => {
    const node = { agentVersion: '1', connectedTo: 'one', isSilent: false, volumes: 1, byState };
    const nodes = [
      { ...node, node: 'usual', lastSeen: at(-11_000) },
      { ...node, node: 'a-little-ahead', lastSeen: at(2_000) },
      { ...node, node: 'far-ahead', lastSeen: at(2_700_000) },
    ];
    const { code, out } = await run(t, (_, response) => response.end(JSON.stringify({ at: at(0), nodes })), 'nodes');
    assert.equal(code, 0);
    assert.match(out, /usual +online +11s ago/);
    assert.match(out, /a-little-ahead +online +0s ago +1/);
    assert.match(out, /far-ahead +online +0s ago \(clock skew of 45m0s\)/);
    assert.doesNotMatch(out, / -\d/);
  });

  test('lists volumes at risk with the reason, and groups', async (t) => {
    const asked: string[] = [];
    const volume = {
      ...{ namespace: 'shop', pod: 'web-1', node: 'a', issuer: 'ca', state: 'healthy', generation: 1, volumeId: 'v' },
      risk: { reason: 'node-silent', since: at(3_600_000 - 11_000) },
    };
    const group = { value: 'shop', count: 3, atRisk: 2, soonestExpiry: at(2 * 3_600_000) };
    const denied = {
      ...{ namespace: 'shop', pod: 'web-0', node: 'a', signer: 'example.com/ca', volumes: ['tls'], keyType: 'ED25519' },
      ...{ state: 'denied', reason: 'NotAllowed', risk: { reason: 'denied', since: at(3_600_000 - 12_000) } },
    };
    const answers = {
      'volumes/groups': { groups: [group], total: 2, volumes: 4 },
      volumes: { volumes: [volume] },
      'pod-certificates': { certificates: [denied], following: 'current' },
      'pod-certificates/groups': { groups: [{ ...group, count: 7 }], total: 1, certificates: 7, following: 'current' },
    };
    const answer: RequestListener = ({ url = '' }, response) => {
      const path = decodeURIComponent(url.replace('/api/v1/', ''));
      asked.push(path);
      response.end(JSON.stringify(answers[path.split('?')[0] as keyof typeof answers]));
    };
    const listed = await run(t, answer, 'list', '--at-risk', '--expires-before=24h');
    assert.match(listed.out, /RISK +SINCE +VOLUME\n.*node-silent +11s ago +v\n/);
    assert.match(listed.out, /shop +web-0 +a +example.com\/ca +denied \(NotAllowed\) +denied +12s ago +ED25519 +tls\n/);
    const grouped = await run(t, answer, 'list', '--group-by=namespace', '--at-risk');
    assert.match(
      grouped.out,
      /NAMESPACE +VOLUMES +AT RISK +SOONEST EXPIRY IN\nshop +3 +2 +60m0s\nand 1 more\n\nNAMESPACE +POD CERTIFICATES/,
    );
    assert.match(grouped.out, /SOONEST EXPIRY IN\nshop +7 +2 +60m0s\n$/);
    assert.deepEqual(asked, [
      `volumes?limit=1000&risk=any&expiresBefore=${at(25 * 3_600_000)}&sort=expires`,
      `pod-certificates?limit=1000&risk=any&sort=expires&expiresBefore=${at(25 * 3_600_000)}`,
      'volumes/groups?limit=1000&risk=any&by=namespace',
      'pod-certificates/groups?limit=1000&risk=any&by=namespace',
    ]);
    asked.length = 0;
    await run(t, answer, 'list', '--group-by=issuer', '--at-risk');
    await run(t, answer, 'list', '--group-by=node');
    assert.equal(asked.length, 2, 'groups by issuer are of volumes only, and without --at-risk all are');
    asked.length = 0;
    await run(t, answer, 'list', '--at-risk', '--issuer=ca');
    assert.equal(asked.length, 1, 'an issuer is a filter for volumes only');
    await run(t, answer, 'list', '--at-risk', '--ca-fingerprint=AB:CD');
    assert.deepEqual(asked.slice(1), ['volumes?limit=1000&risk=any&caFingerprint=AB:CD&sort=expires']);
    const refused = await run(t, answer, 'list', '--expires-before=soon');
    assert.equal(refused.code, 64);
    assert.match(refused.errors, /--expires-before: expected a length such as 24h/);
  });

  test('lists the workloads of volumes if agents report them', async (t) => {
    const volume = (pod: string, workload?: string): object => ({
      ...{ namespace: 'shop', pod, node: 'a', issuer: 'ca', state: 'healthy', generation: 1, volumeId: `csi-${pod}` },
      keyType: 'ecdsa',
      ...(workload !== undefined && { workload }),
    });
    const listing = async (volumes: readonly object[], ...flags: readonly string[]): Promise<string> =>
      (await run(t, (_, response) => response.end(JSON.stringify({ volumes })), 'list', ...flags)).out;
    const volumes = [volume('web-1', 'Deployment/web'), volume('bare')];
    assert.match(await listing(volumes), /ISSUER +WORKLOAD +STATE .*\nshop +web-1 +a +ca +Deployment\/web +healthy /);
    assert.match(await listing(volumes, '--posture'), /ISSUER +WORKLOAD +KEY /);
    assert.doesNotMatch(await listing([volume('bare')]), /WORKLOAD/);
  });

  test('lists by every filter and in both orders', async (t) => {
    const asked: string[] = [];
    const answer: RequestListener = ({ url = '' }, response) => {
      asked.push(decodeURIComponent(url.replace('/api/v1/', '')));
      response.end(JSON.stringify({ volumes: [] }));
    };
    const listed = await run(t, answer, 'list', '--risk=failing,lane-paused', '--not-ca', '--order=desc');
    assert.match(listed.out, /RISK +SINCE/);
    assert.match((await run(t, answer, 'list', '--risk=none')).out, /SERVED/);
    const times = ['--expires-after=1h', '--renews-after=24h', '--renews-before=2026-11-26T13:00:00+01:00'];
    const issued = ['--issued-after=2026-11-26T12:00:00Z', '--issued-before=2026-11-27'];
    await run(t, answer, 'list', ...times, ...issued, '--sort=pod');
    assert.deepEqual(asked, [
      'volumes?limit=1000&risk=failing,lane-paused&isCa=false&sort=expires&order=desc',
      'volumes?limit=1000&risk=none&sort=namespace',
      `volumes?limit=1000&expiresAfter=${at(2 * 3_600_000)}&renewsBefore=2026-11-26T12:00:00.000Z&renewsAfter=${at(25 * 3_600_000)}` +
        '&issuedBefore=2026-11-27T00:00:00.000Z&issuedAfter=2026-11-26T12:00:00.000Z&sort=pod',
    ]);
    for (const [flags, error] of [
      [['--risk=failing', '--at-risk'], /--at-risk and --risk exclude each other/],
      [['--is-ca', '--not-ca'], /--is-ca and --not-ca exclude each other/],
      [['--issued-after=24h'], /--issued-after: expected a time in RFC 3339/],
    ] as const) {
      const { code, errors } = await run(t, answer, 'list', ...flags);
      assert.equal(code, 64);
      assert.match(errors, error);
    }
    assert.equal(asked.length, 3, 'nothing is asked with wrong flags');
  });

  test('renews what pods serve, and a list of namespaces', async (t) => {
    let asked: unknown;
    const api: RequestListener = (request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        asked = JSON.parse(body);
        response.end(JSON.stringify({ count: 0, byIssuer: [] }));
      });
    };
    const flags = ['--namespace=shop,data', '--served=not-loaded', '--expires-after=1h', '--reason=test', '--dry-run'];
    assert.equal((await run(t, api, 'renew', ...flags)).code, 0);
    const selection = { namespace: 'shop,data', query: { served: 'not-loaded', expiresAfter: at(2 * 3_600_000) } };
    assert.deepEqual((asked as { readonly selection?: object }).selection, selection);
  });

  test('starts a rotation from a file, a SHA-256 or an issuer, and marks a proposed one', async (t) => {
    const asked: { readonly from?: string; readonly to?: string }[] = [];
    const counts = { total: 2, trusted: 0, reissued: 1, served: 0, notLoaded: 0, failing: 0, retired: 0, blocked: 0 };
    const shown = { id: 'r', phase: 'Pending', direction: 'Forward', isSuspended: true, isProposed: true, counts };
    const api: RequestListener = (request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        asked.push(JSON.parse(body) as object);
        response.end(JSON.stringify({ ...shown, by: 'certfleet', reason: 'changed' }));
      });
    };
    const start = (from: string): Promise<Run> =>
      run(t, api, 'rotations', 'start', `--from=${from}`, `--to=${import.meta.filename}`, '--reason=expires');
    const sha256 = 'AB:'.repeat(31) + 'CD';
    const issuer = 'ClusterIssuer.cert-manager.io//corporate';
    for (const from of [sha256, issuer, import.meta.filename])
      assert.match((await start(from)).out, /r +Pending \(proposed\) .*certfleet +changed/);
    const text = readFileSync(import.meta.filename, 'utf8');
    assert.deepEqual(
      asked.map(({ from, to }) => [from, to === text]),
      [
        [sha256, true],
        [issuer, true],
        [text, true],
      ],
    );
    const { code, errors } = await start('missing.pem');
    assert.match(errors, /--from: cannot read missing\.pem: .*expected FILE .*SHA-256 of a CA, or key of an issuer/);
    assert.deepEqual([code, asked.length], [64, 3]);
  });

  test('pod-certificates shows all pages, and exits with 2 if rows may be outdated', async (t) => {
    const asked: string[] = [];
    const pod = { pod: 'web-0', namespace: 'shop', node: 'node-1', volumes: ['tls'], keyType: 'ED25519' };
    const row = { ...pod, signer: 'example.com/internal' };
    const denied = { ...row, state: 'denied', reason: 'NotAllowed', since: at(3_590_000) };
    const answer: RequestListener = ({ url = '' }, response) => {
      asked.push(url);
      const isFirst = !url.includes('after=');
      const certificate = isFirst ? denied : { ...row, pod: 'web-1', state: 'issued', notAfter: at(3_690_000) };
      const rest = isFirst ? { next: 'more', following: 'current' } : { following: 'outdated', problem: 'no replica' };
      response.end(JSON.stringify({ certificates: [certificate], ...rest }));
    };
    const { code, out, errors } = await run(t, answer, 'pod-certificates', '--signer=*/internal', '--state=denied');
    assert.match(asked[0] ?? '', /pod-certificates\?limit=1000&signer=.*internal&state=denied&sort=namespace$/);
    assert.match(out, /shop +web-0 +node-1 +example.com\/internal +denied \(NotAllowed\) +10s ago +ED25519 +tls/);
    assert.match(out, /shop +web-1 .* issued +90s/);
    assert.match(errors, /may be outdated or missing: no replica/);
    assert.equal(code, 2);
    const off: RequestListener = (_, response) => response.end(JSON.stringify({ certificates: [], following: 'off' }));
    for (const flags of [[], ['--group-by=node']]) {
      const refused = await run(t, off, 'pod-certificates', ...flags);
      assert.equal(refused.code, 1);
      assert.match(refused.errors, /controller.podCertificates.enabled/);
    }
  });

  test('pod-certificates counts by a property, and exits with 2 if counts may be outdated', async (t) => {
    const asked: string[] = [];
    const group = { value: 'shop/Deployment/web', count: 3, atRisk: 2, soonestExpiry: at(2 * 3_600_000) };
    const found = { groups: [group, { value: '', count: 1, atRisk: 0 }], total: 2, certificates: 4 };
    const answer: RequestListener = ({ url = '' }, response) => {
      asked.push(url);
      const isCurrent = !url.includes('risk=any');
      const following = isCurrent ? { following: 'current' } : { following: 'outdated', problem: 'no replica' };
      response.end(JSON.stringify({ ...found, ...following }));
    };
    const { code, out } = await run(t, answer, 'pod-certificates', '--group-by=workload', '--workload=web');
    assert.equal(asked[0], '/api/v1/pod-certificates/groups?limit=1000&workload=web&by=workload');
    assert.match(
      out,
      /^WORKLOAD +CERTIFICATES +AT RISK +SOONEST EXPIRY IN\nshop\/Deployment\/web +3 +2 +60m0s\n\(none\) +1 +0 *\n/,
    );
    assert.equal(code, 0);
    const outdated = await run(t, answer, 'pod-certificates', '--group-by=node', '--at-risk');
    assert.equal(outdated.code, 2);
    assert.match(outdated.errors, /may be outdated or missing: no replica/);
  });
});
