import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { agentReferencePath, renderAgentReference } from './generate-agent-reference.ts';

describe('docs/reference/agent.md', () => {
  test('is up to date', async () => {
    assert.equal(readFileSync(agentReferencePath, 'utf8'), await renderAgentReference());
  });
});
