import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { agentReferencePath, renderAgentReference } from './generate-agent-reference.ts';

test('docs/reference/agent.md is up to date', async () => {
  assert.equal(readFileSync(agentReferencePath, 'utf8'), await renderAgentReference());
});
