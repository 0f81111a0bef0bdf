// Alerts, runbook and dashboard only use metrics that the programs export.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { parseCli } from '../../apps/renewal-controller/src/cli/cli-options.ts';
import { commands as knownCommands } from '../../apps/renewal-controller/src/cli/commands.ts';
import { chartRules, withEverything } from './support/chart-rules.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');
const runbook = read('docs/runbook.md');
const references = ['agent', 'controller', 'signer'].map((program) => read(`docs/reference/${program}.md`)).join('\n');

/** The certfleet metrics in a text, histograms by their base name. */
function metricsIn(text: string): readonly string[] {
  const names = [...text.matchAll(/certfleet_(?:agent|controller|signer)_[a-z_]+/g)].map(([name]) => name);
  return [...new Set(names.map((name) => name.replace(/_(bucket|sum|count)$/, '')))];
}

describe('metric names', () => {
  for (const [what, text] of Object.entries({
    alerts: read('helm/certfleet/files/alerts.yaml'),
    runbook: runbook,
  })) {
    it(`every metric of the ${what} is on the reference pages`, () => {
      const names = metricsIn(text);
      assert.ok(names.length > 5);
      assert.deepEqual(
        names.filter((name) => !references.includes(`\`${name}\``)),
        [],
      );
    });
  }

  it('every alert links to its section of the runbook, and every section has its alert', async () => {
    const runbookUrl = { 'prometheusRule.runbookUrl': 'https://git.example.com/docs/runbook.md' };
    const rules = [
      ...(await chartRules({ ...runbookUrl, ...withEverything })),
      ...(await chartRules({ ...runbookUrl, 'controller.enabled': false })),
    ];
    const titles = [...runbook.matchAll(/^## (.+)$/gm)].map(([, title = '']) => title);
    const sections = titles.filter((title) => title !== 'Preparation');
    assert.deepEqual([...new Set(rules.map(({ alert }) => alert))].sort(), [...sections].sort());
    for (const { alert, annotations } of rules) {
      assert.equal(annotations['runbook_url'], `https://git.example.com/docs/runbook.md#${alert.toLowerCase()}`);
    }
  });

  it('every section of the runbook has its meaning, checks, actions and escalation', () => {
    for (const section of runbook.split(/^## (?!Preparation)/m).slice(1)) {
      for (const part of ['Meaning', 'Risk', 'Check', 'Escalate']) {
        assert.ok(section.includes(`**${part}`), `${part} in ${section}`);
      }
      assert.match(section, /\*\*Fix\.\*\*|\*\*Check and fix\.\*\*/);
    }
  });

  it('every command of the runbook is valid for the command line', () => {
    const commands = [...runbook.matchAll(/(?:`|^)certfleet ([a-z][^`\n]*)/gm)].map(([, words = '']) => words);
    assert.ok(commands.length > 10);
    for (const words of commands) {
      const { command } = parseCli(words.split(' '));
      assert.ok(Object.hasOwn(knownCommands, command), command);
    }
  });
});
