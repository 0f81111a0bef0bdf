import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { agentReferencePath, renderAgentReference } from './generate-agent-reference.ts';

test('the reference of the agent says what its tables say', async () => {
  assert.equal(readFileSync(agentReferencePath, 'utf8'), await renderAgentReference());
});
