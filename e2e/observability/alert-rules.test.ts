// The chart's alerts on series of a healthy fleet and of one with a fault, evaluated by promtool.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { alertCases, fleetInOrder } from './support/alert-cases.ts';
import type { AlertCase, Series } from './support/alert-cases.ts';
import { chartRules, rulesFile, withEverything } from './support/chart-rules.ts';
import type { AlertRule } from './support/chart-rules.ts';

const run = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), 'certfleet-rules-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const withController = await chartRules(withEverything);
const withoutController = await chartRules({ 'controller.enabled': false });
const minutes = 120;

/** One promtool test: exactly these alerts fire at that minute. */
function ruleTest(
  rules: readonly AlertRule[],
  series: Series,
  expected: { name?: string; atMinute: number; fires: AlertCase['fires'] },
) {
  const names = new Set(rules.map(({ alert }) => alert));
  return {
    name: expected.name,
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [...names].map((alertname) => ({
      eval_time: `${expected.atMinute}m`,
      alertname,
      exp_alerts: Object.entries(expected.fires)
        .filter(([name]) => name === alertname)
        .map(([, labels]) => ({
          exp_labels: { severity: rules.find(({ alert }) => alert === alertname)?.labels['severity'], ...labels },
        })),
    })),
  };
}

/** The failed tests as promtool reports them; undefined if there is none. */
async function failuresOf(
  rules: readonly AlertRule[],
  tests: readonly object[],
  evaluatedEvery = '1m',
): Promise<string | undefined> {
  // Most annotations are tested with a real Prometheus, which expands them.
  const bare = rules.map((rule) => ({ ...rule, annotations: {} }));
  return checked(bare, tests, evaluatedEvery);
}

/** As `failuresOf`, with the annotations. */
async function checked(
  rules: readonly AlertRule[],
  tests: readonly object[],
  evaluatedEvery = '1m',
): Promise<string | undefined> {
  const own = mkdtempSync(join(directory, 'run-'));
  writeFileSync(join(own, 'rules.json'), rulesFile(rules));
  const file = join(own, 'tests.json');
  writeFileSync(file, JSON.stringify({ rule_files: ['rules.json'], evaluation_interval: evaluatedEvery, tests }));
  // A third of its time was garbage collection, of a few hundred megabytes in all.
  const env = { ...process.env, GOGC: '800', GOMAXPROCS: '1' };
  return run('promtool', ['test', 'rules', file], { env }).then(
    () => undefined,
    (error: unknown) => {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      return `${stdout}${stderr}`;
    },
  );
}

async function promtool(rules: readonly AlertRule[], tests: readonly object[]): Promise<void> {
  const failures = await failuresOf(rules, tests);
  if (failures !== undefined) assert.fail(failures.slice(0, 4000));
}

describe('the alerts', () => {
  it('do not fire for a healthy fleet', async () => {
    const quiet = { atMinute: minutes, fires: {} };
    await promtool(withController, [ruleTest(withController, fleetInOrder, quiet)]);
    const agents = Object.entries(fleetInOrder).filter(([name]) => !name.includes('renewal-controller'));
    await promtool(withoutController, [ruleTest(withoutController, Object.fromEntries(agents), quiet)]);
  });

  const outcomeOf = (cases: readonly AlertCase[], evaluatedEvery: string): Promise<string | undefined> => {
    const tests = cases.map(({ fault, series, fires }) =>
      ruleTest(withController, { ...fleetInOrder, ...series }, { name: fault, atMinute: 65, fires }),
    );
    return failuresOf(withController, tests, evaluatedEvery);
  };
  const isSilent = ({ fires }: AlertCase): boolean => Object.keys(fires).length === 0;
  // All of a kind in one process. Evaluations are most of its time: only what comes and goes needs one every minute.
  const failures = Promise.all([
    outcomeOf(alertCases.filter(isSilent), '1m'),
    outcomeOf(
      alertCases.filter((each) => !isSilent(each)),
      '5m',
    ),
  ]).then((outcomes) => outcomes.filter((outcome) => outcome !== undefined).join('\n'));
  for (const { fault, fires } of alertCases) {
    const names = Object.keys(fires).join(', ') || 'nothing';
    it(`fire when ${fault}: ${names}, and no others`, async () => {
      const reports = (await failures).split(/^ *name: /m);
      assert.deepEqual(
        reports.filter((report) => report.startsWith(`${fault},`)),
        [],
      );
    });
  }

  it('are evaluated in all of these faults without an error', async () => {
    assert.equal(await failures, '');
  });

  it('each have a fault for which they are meant', () => {
    const covered = new Set(alertCases.flatMap(({ fires }) => Object.keys(fires)));
    const uncovered = withController.map(({ alert }) => alert).filter((alert) => !covered.has(alert));
    assert.deepEqual(uncovered, []);
  });

  it('wait before they page, as configured in the values', async () => {
    const values = { 'controller.enabled': false, 'prometheusRule.alerts.volumeExpired': { for: '10m' } };
    const rules = await chartRules(values);
    const of = 'namespace="cert-manager",job="certfleet",node="n1",instance="n1:9402"';
    const series = {
      [`up{${of}}`]: '1+0x60',
      [`certfleet_agent_volumes{${of},state="expired"}`]: '0+0x9 1+0x60',
    };
    await promtool(rules, [
      ruleTest(rules, series, { atMinute: 19, fires: {} }),
      ruleTest(rules, series, { atMinute: 20, fires: { CertfleetVolumeExpired: {} } }),
    ]);
  });
});

describe('the alerts of volumes', () => {
  /** The part of a description that names labels; the rest needs no test with promtool. */
  const ownersIn = ({ annotations }: AlertRule): string | undefined =>
    /\{\{ range query "[^"]*label_volumes[^"]*" \}\}.*?\{\{ end \}\}/.exec(annotations['description'] ?? '')?.[0];
  const rules = withController.flatMap((rule) => {
    const description = ownersIn(rule);
    return description === undefined ? [] : [{ ...rule, annotations: { description } }];
  });

  it('name the labels of the pods, those with the most volumes first and none without a value', async () => {
    const [first, second] = ['c1', 'c2'].map(
      (name) => `namespace="cert-manager",job="renewal-controller",instance="${name}:9402"`,
    );
    const troubled = (label: string, of = first): string =>
      `certfleet_controller_label_volumes{${of},${label},state="troubled"}`;
    const input = {
      [troubled('label="team",value="payments"')]: '3+0x60',
      [troubled('label="team",value="payments"', second)]: '3+0x60',
      [troubled('label="owner",value="ann"')]: '9+0x60',
      [troubled('label="team",value="core"')]: '0+0x60',
      [troubled('label="team",value=""')]: '7+0x60',
      [`certfleet_controller_label_volumes{${first},label="team",value="core",state="well"}`]: '8+0x60',
      [`certfleet_controller_volumes_expired{${first}}`]: '3+0x60',
      [`certfleet_controller_volumes_expiring_soon{${first},left="1/4"}`]: '3+0x60',
      [`certfleet_controller_volumes_expiring_soon{${first},left="1/2"}`]: '3+0x60',
      [`certfleet_controller_volumes{${first},state="failing",issuer="ca"}`]: '3+0x60',
    };
    const text = 'owner=ann: 9 expired, failing or overdue. team=payments: 3 expired, failing or overdue. ';
    const test = {
      interval: '1m',
      input_series: Object.entries(input).map(([series, values]) => ({ series, values })),
      alert_rule_test: rules.map(({ alert, labels: { severity } }) => ({
        ...{ eval_time: '50m', alertname: alert },
        exp_alerts: [
          {
            exp_labels: { severity, ...(alert === 'CertfleetRenewalFailing' && { issuer: 'ca' }) },
            exp_annotations: { description: text },
          },
        ],
      })),
    };
    assert.equal(rules.length, 4);
    assert.equal((await checked(rules, [test])) ?? '', '');
  });
});

describe('the alerts without a controller', () => {
  it('do not fire for it, and still report failing renewals', async () => {
    const text = JSON.stringify(withoutController.map(({ alert }) => alert));
    assert.doesNotMatch(text, /Controller|Redis|Lane|Silent|Deadline|Report|Index/);
    const of = 'namespace="cert-manager",job="certfleet",node="n1",instance="n1:9402"';
    await promtool(withoutController, [
      ruleTest(
        withoutController,
        { [`up{${of}}`]: '1+0x60', [`certfleet_agent_volumes{${of},state="failing"}`]: '1+0x60' },
        { atMinute: 30, fires: { CertfleetRenewalFailing: {} } },
      ),
    ]);
  });
});
