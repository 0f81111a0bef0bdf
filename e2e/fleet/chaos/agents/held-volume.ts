import type { VolumeSketch } from './messages.ts';

/** A volume in memory; times in true milliseconds since the epoch. */
export interface HeldVolume {
  readonly sketch: VolumeSketch;
  readonly generation: number;
  readonly issuedAtMs: number;
  readonly renewAtMs: number;
  readonly notAfterMs: number;
  readonly cause: 'mount' | 'job' | 'deadline';
  readonly failure?: { readonly atMs: number; readonly attempts: number };
  readonly deferredUntilMs?: number;
}
