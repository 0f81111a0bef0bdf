import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { IdentifyAgent } from './agent-identity.ts';

/**
 * Identifies agents by a file of `token,node` lines, read at each use. For development without Kubernetes: these tokens
 * neither expire nor rotate. Empty lines and lines that begin with # are ignored.
 */
export function identifyByStaticTokens(path: string): IdentifyAgent {
  return async (token) => {
    // Compares hashes, so that the duration reveals nothing about the expected token.
    const wanted = hash(token);
    for (const line of (await readFile(path, 'utf8')).split('\n')) {
      const [known = '', node = ''] = line.split(',').map((part) => part.trim());
      if (known !== '' && !known.startsWith('#') && node !== '' && hash(known) === wanted) return node;
    }
    throw new CertfleetError('unauthenticated', 'the token is not in the token file');
  };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
