import type { Page } from 'playwright-core';
import type { Summary } from '../../../libs/operator-api/src/summary.ts';
import { problemExamples } from '../../../libs/operator-api/src/testing/problem-examples.ts';
import { wholeResponse } from './whole-response.ts';

// Not the sentences of the kinds, so that a page that shows these is found.
const text = 'the sentence of the controller';

const problems = Object.entries(problemExamples)
  .map(([kind, facts]) => ({ kind, facts, text, severity: 'warning', count: 2, link: `/volumes?search=${kind}` }))
  // A wall shows three: those with times and messages.
  .sort((a, b) => Object.keys(b.facts).length - Object.keys(a.facts).length);

const violations = [
  { kind: 'rsa-bits', facts: { bits: 3072 } },
  { kind: 'signature', facts: { algorithms: ['sha1', 'md5'] } },
  { kind: 'lifetime', facts: { longest: '90d' } },
  { kind: 'ca', facts: {} },
].map((limit) => ({ ...limit, text: 'the limit of the controller', count: 1, link: '/volumes?isCa=true' }));

/** Answers with every kind of problem and of limit. */
export async function answerWithAllProblems(page: Page): Promise<void> {
  await page.route('**/api/v1/summary', async (route) => {
    const response = await wholeResponse(route);
    const summary = (await response.json()) as Summary;
    const posture = { ...summary.posture, violations };
    await route.fulfill({ response, json: { ...summary, posture, attention: problems } });
  });
  await page.route('**/api/v1/verdict', async (route) => {
    const response = await wholeResponse(route);
    const reasons = problems.slice(0, 5);
    await route.fulfill({ response, json: { level: 'attention', reasons, more: problems.length - reasons.length } });
  });
}
