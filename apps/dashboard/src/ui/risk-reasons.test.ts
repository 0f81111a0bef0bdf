import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { podCertificateRiskTexts } from '../pod-certificates/pod-certificate-risks.ts';
import { riskTexts } from './risk-reasons.ts';

describe('riskTexts', () => {
  test('each reason links to a section of the runbook', async () => {
    const runbook = await readFile(resolve(import.meta.dirname, '../../../../docs/runbook.md'), 'utf8');
    const headings = [...runbook.matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
      text
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    );
    for (const { section } of [...Object.values(riskTexts), ...Object.values(podCertificateRiskTexts)])
      assert.ok(headings.includes(section), section);
  });
});
