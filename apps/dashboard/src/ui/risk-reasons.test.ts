import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { podCertificateSections } from '../pod-certificates/pod-certificate-risks.ts';
import { runbookSections } from './risk-reasons.ts';

describe('riskTexts', () => {
  test('each reason links to a section of the runbook', async () => {
    const runbook = await readFile(resolve(import.meta.dirname, '../../../../docs/runbook.md'), 'utf8');
    const headings = [...runbook.matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
      text
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    );
    for (const section of [...Object.values(runbookSections), ...Object.values(podCertificateSections)])
      assert.ok(headings.includes(section), section);
  });
});
