import { homedir } from 'node:os';
import { join } from 'node:path';

/** Directory for slow, reproducible results: built tools and images. It may be deleted at any time. */
export function cacheDirectory(...path: string[]): string {
  const base = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(base, 'certfleet', ...path);
}
