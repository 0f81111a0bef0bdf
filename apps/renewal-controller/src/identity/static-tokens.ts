import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { IdentifyAgent } from './agent-identity.ts';

/**
 * Identifies agents by a file of `token,node` lines, read at each use. For one machine without Kubernetes: such tokens
 * neither expire nor rotate. Lines that are empty or begin with # say nothing.
 */
export function identifyByStaticTokens(path: string): IdentifyAgent {
  return async (token) => {
    // Compared as hashes: how long a comparison takes tells nothing of the token that was expected.
    const wanted = hash(token);
    for (const line of (await readFile(path, 'utf8')).split('\n')) {
      const [known = '', node = ''] = line.split(',').map((part) => part.trim());
      if (known !== '' && !known.startsWith('#') && node !== '' && hash(known) === wanted) return node;
    }
    throw new CertfleetError('unauthenticated', 'expected a token of the token file, found another');
  };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
