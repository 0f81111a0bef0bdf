import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { englishProblems, problemText } from './english-texts.ts';
import type { PostureTexts, ProblemTexts, TextFormat } from './english-texts.ts';
import type { Problem } from './problems.ts';
import { problemExamples } from './testing/problem-examples.ts';
import { problemKinds } from './vocabulary.ts';

const plain: TextFormat<string, string> = {
  number: String,
  plural: (count, { one, other }) => (count === 1 ? one : other).replace('#', String(count)),
  rich: (texts, ...parts) => String.raw({ raw: texts }, ...parts),
};
const english = englishProblems(plain);
const times = { since: (at: string) => `since ${at.slice(11, 16)}`, at: (at: string) => `at ${at.slice(11, 16)}` };
const textOf = (problem: Problem): string => problemText(problem, english, times);

// The compiler checks the lines after these comments: it reports a directive under which nothing is wrong.
const text = (): string => '';
const withoutExpired: Omit<typeof english, 'expired'> = english;
const faults = {
  // @ts-expect-error There is no such kind.
  misspelt: (): Problem => ({ kind: 'expird', facts: { volumes: 1 } }),
  // @ts-expect-error The kind has other facts.
  otherFacts: (): Problem => ({ kind: 'expired', facts: { certificates: 1 } }),
  // @ts-expect-error A fact is missing.
  missingFact: (): Problem => ({ kind: 'node-silent', facts: { node: 'worker-1' } }),
  // @ts-expect-error A language has no sentence for a kind.
  missingText: (): ProblemTexts<string, string> => withoutExpired,
  // @ts-expect-error A language has a sentence for no kind.
  unknownText: (): ProblemTexts<string, string> => ({ ...english, expird: text }),
  // @ts-expect-error A sentence states what is no fact of its kind.
  noFact: (): ProblemTexts<string, string> => ({ ...english, expired: ({ issuer }) => String(issuer) }),
  // @ts-expect-error A language does not name a limit.
  missingLimit: (): PostureTexts => ({ 'rsa-bits': text, signature: text, lifetime: text }),
};

describe('English sentences', () => {
  test('exist for each kind, and what they lack is found by the compiler', () => {
    assert.equal(Object.keys(faults).length, 7);
    assert.deepEqual(Object.keys(english).sort(), [...problemKinds].sort());
  });

  test('state every fact of their kind', () => {
    for (const [kind, facts] of Object.entries(problemExamples)) {
      const said = textOf({ kind, facts } as Problem);
      assert.doesNotMatch(said, /undefined|NaN|\[object/, kind);
      for (const [name, value] of Object.entries(facts as Record<string, string | number>)) {
        if (name === 'problem') continue;
        const stated = name === 'since' || name === 'at' ? times[name](String(value)) : String(value);
        assert.ok(said.includes(stated), `${kind} states ${name}: ${said}`);
      }
    }
  });

  test('count one and many, and leave out what is not known', () => {
    const since = '2026-03-01T11:30:00.000Z';
    const said = (problems: readonly Problem[]): readonly string[] => problems.map(textOf);
    assert.deepEqual(
      said([
        { kind: 'expires-soon', facts: { volumes: 1, hours: 1 } },
        { kind: 'expires-soon', facts: { volumes: 2, hours: 1 } },
        { kind: 'failing', facts: { volumes: 1, issuer: 'Issuer.x/a/b', since } },
        { kind: 'not-loaded', facts: { namespace: 'shop', pod: 'web-1' } },
        { kind: 'renewal-stopped', facts: { reason: 'roll', pending: 1, failures: 1 } },
        { kind: 'redis-problem', facts: { problem: 'not-primary', message: 'READONLY' } },
        { kind: 'pod-certificates-not-loaded', facts: {} },
      ]),
      [
        '1 volume expires within 1 h, and is failing or overdue',
        '2 volumes expire within 1 h, and are failing or overdue',
        '1 volume of issuer Issuer.x/a/b has been failing since 11:30',
        'pod shop/web-1 has not loaded its renewed certificate: its server must reload',
        'the renewal “roll” stopped after 1 failed attempt: 1 volume is not renewed',
        'Redis is a replica and accepts no writes: agents renew at their fallback deadlines. Redis reports: READONLY',
        'the pod certificates are not loaded yet',
      ],
    );
  });
});
