import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { isObjectName, shellQuoted } from './shell-argument.ts';

describe('an argument of a command', () => {
  test('is one argument for a shell, whatever it contains', () => {
    for (const text of ['web-1', 'a b', "it's", '$(id)', '`id`', '"; id; "', 'a\nid', '*', '\\', '~', '!!'])
      assert.equal(execFileSync('sh', ['-c', `printf %s ${shellQuoted(text)}`], { encoding: 'utf8' }), text);
  });

  test('is the name of an object only if it is neither a flag nor anything else', () => {
    for (const name of ['web-1', 'web.example', '0']) assert.ok(isObjectName(name), name);
    for (const text of ['', '--server=https://evil', '-A', 'web;id', 'web 1', 'Web', 'web/1', '$(id)', 'web\n'])
      assert.ok(!isObjectName(text), text);
  });
});
