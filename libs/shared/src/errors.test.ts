import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asCertfleetError, CertfleetError } from './errors.ts';

describe('CertfleetError', () => {
  test('decides by the code whether an error is retryable, unless given', () => {
    assert.equal(new CertfleetError('unavailable', 'm').retryable, true);
    assert.equal(new CertfleetError('invalid-argument', 'm').retryable, false);
    assert.equal(new CertfleetError('invalid-argument', 'm', { retryable: true }).retryable, true);
    assert.equal(new CertfleetError('unavailable', 'm', { retryable: false }).retryable, false);
  });
});

describe('asCertfleetError', () => {
  test('wraps any thrown value and keeps it as the cause', () => {
    const own = new CertfleetError('not-found', 'm');
    assert.equal(asCertfleetError(own), own);
    const foreign = new TypeError('x is not a function');
    const wrapped = asCertfleetError(foreign);
    assert.equal(wrapped.code, 'internal');
    assert.equal(wrapped.message, 'x is not a function');
    assert.equal(wrapped.cause, foreign);
    assert.equal(asCertfleetError('text').message, 'text');
    assert.ok(!('cause' in own), 'expected no cause instead of an undefined one');
  });
});
