import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { errorReasons, failureReasonOf, isOneOf, refusedReasons } from './error-reasons.ts';
import { CertfleetError } from './errors.ts';

describe('errorReasons', () => {
  test('has each reason in one group only', () => {
    const reasons = Object.values(errorReasons).flat();
    assert.equal(new Set(reasons).size, reasons.length);
  });

  test('makes a misspelt reason a compile error', () => {
    // @ts-expect-error -- not in the table
    assert.equal(new CertfleetError('unavailable', 'm', { reason: 'MountFaild' }).reason, 'MountFaild');
    // @ts-expect-error -- not in the table
    assert.equal(isOneOf(['MountFaild'], 'MountFailed'), false);
  });
});

describe('isOneOf', () => {
  test('recognises only the given reasons in texts from outside', () => {
    assert.equal(isOneOf(refusedReasons, 'RequestDenied'), true);
    for (const reason of [undefined, '', 'RequestPending', 'toString']) {
      assert.equal(isOneOf(refusedReasons, reason), false);
    }
  });
});

describe('failureReasonOf', () => {
  test('is IssuanceFailed for an error without a reason', () => {
    assert.equal(failureReasonOf(new CertfleetError('internal', 'm')), 'IssuanceFailed');
    assert.equal(failureReasonOf(new CertfleetError('internal', 'm', { reason: 'StorageFull' })), 'StorageFull');
  });
});
