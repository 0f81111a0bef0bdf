import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { DeadlineHeap } from './deadline-heap.ts';

describe('DeadlineHeap', () => {
  test('returns ids in the order of their due times and nothing before its time', () => {
    const queue = new DeadlineHeap();
    queue.set('b', 20);
    queue.set('a', 10);
    assert.equal(queue.peekDueAt(), 10);
    assert.equal(queue.popDue(9), undefined);
    assert.equal(queue.popDue(20), 'a');
    assert.equal(queue.popDue(20), 'b');
    assert.equal(queue.popDue(20), undefined);
  });

  test('behaves like a sorted map through any sequence of changes', () => {
    const id = fc.integer({ min: 0, max: 12 }).map((n) => `v${n}`);
    const command = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), id, at: fc.integer({ min: 0, max: 40 }) }),
      fc.record({ kind: fc.constant('delete' as const), id, at: fc.constant(0) }),
      fc.record({ kind: fc.constant('pop' as const), id: fc.constant(''), at: fc.integer({ min: 0, max: 40 }) }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 400 }), (commands) => {
        const queue = new DeadlineHeap();
        const model = new Map<string, number>();
        for (const { kind, id: key, at } of commands) {
          if (kind === 'set') {
            queue.set(key, at);
            model.set(key, at);
          } else if (kind === 'delete') {
            queue.delete(key);
            model.delete(key);
          } else {
            const soonest = Math.min(...model.values());
            const popped = queue.popDue(at);
            if (soonest > at) assert.equal(popped, undefined);
            else {
              assert.equal(model.get(popped ?? ''), soonest);
              model.delete(popped ?? '');
            }
          }
          assert.equal(queue.size, model.size);
          assert.equal(queue.peekDueAt(), model.size === 0 ? undefined : Math.min(...model.values()));
        }
      }),
    );
  });
});
