import { RecentMap } from '../app/recent-map.ts';

interface KnownResponse {
  readonly etag: string;
  readonly value: unknown;
}

const maxResponses = 40;

/**
 * The last responses by path, for requests that the server answers with "not modified". Only in memory: the browser's
 * cache would write them to the disk.
 */
export class KnownResponses extends RecentMap<KnownResponse> {
  constructor() {
    super(maxResponses);
  }
}
