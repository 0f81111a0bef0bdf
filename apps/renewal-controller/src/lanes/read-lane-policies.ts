import { readFileSync } from 'node:fs';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { LaneOverride, LanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';

/** Reads the file of lane policies; LanePolicies validates the content. */
export function readLanePolicies(path: string | undefined): {
  readonly defaults?: Partial<LanePolicy>;
  readonly overrides?: readonly LaneOverride[];
} {
  if (path === undefined) return {};
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ReturnType<typeof readLanePolicies>;
  } catch (cause) {
    throw new CertfleetError('invalid-argument', `--lane-policies-file: cannot read JSON from ${path}`, { cause });
  }
}
