import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TimeFormat } from '../time/time-format.ts';
import { commandsFor } from './commands.ts';
import type { Services } from './services.ts';

describe('commandsFor', () => {
  test('finds views and settings by words, and offers a search for the text', () => {
    const gone: string[] = [];
    const times = new TimeFormat(undefined);
    const services = { times, router: { go: (href: string) => void gone.push(href) } } as unknown as Services;
    const titles = (typed: string): readonly string[] => commandsFor(services, typed).map(({ title }) => title);
    assert.equal(titles('').includes('Go to At risk'), true);
    assert.deepEqual(titles('RISK go')[0], 'Go to At risk');
    assert.deepEqual(titles('utc')[0], 'Show times in UTC');
    commandsFor(services, 'utc')[0]?.run();
    assert.deepEqual(titles('utc'), [
      'Search volumes for “utc”',
      'Search lanes for “utc”',
      'Search the audit log for “utc”',
    ]);
    commandsFor(services, 'web & co')[0]?.run();
    assert.deepEqual(gone, ['/volumes?search=web+%26+co']);
  });
});
