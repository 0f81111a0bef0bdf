import { join } from 'node:path';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { FileSystem } from './file-system.ts';
import { damaged } from './storage-error.ts';
import { assertSafeVolumeId } from './volume-id.ts';
import type { VolumeLayout } from './volume-layout.ts';
import { decodeVolumeRecord } from './volume-record-json.ts';
import type { VolumeRecord } from './volume-record.ts';

/** An entry among the volumes that is not a valid volume: it is left unchanged and reported to the operator. */
export interface DamagedEntry {
  readonly path: string;
  readonly reason: string;
}

/** The entries below the roots of a store. */
export interface VolumeListing {
  readonly records: readonly VolumeRecord[];
  readonly damaged: readonly DamagedEntry[];
}

/** Reads every record. If a volume is in two layouts, the first one applies. */
export function listVolumes(files: FileSystem, layouts: readonly VolumeLayout[]): VolumeListing {
  const records = new Map<string, VolumeRecord>();
  const damagedEntries: DamagedEntry[] = [];
  for (const layout of layouts) {
    for (const name of files.readdirSync(layout.root)) {
      const path = join(layout.root, name);
      if (name.startsWith('..') || (!layout.exclusive && !files.existsSync(join(path, layout.recordFile)))) continue;
      try {
        if (!records.has(name)) records.set(name, readEntry(files, layout, name));
      } catch (error) {
        damagedEntries.push({ path, reason: asCertfleetError(error).message });
      }
    }
  }
  return { records: [...records.values()], damaged: damagedEntries };
}

function readEntry(files: FileSystem, layout: VolumeLayout, name: string): VolumeRecord {
  assertSafeVolumeId(name);
  const directory = join(layout.root, name);
  if (!files.lstatSync(directory).isDirectory()) throw damaged('expected a directory');
  const recordPath = join(directory, layout.recordFile);
  if (!files.existsSync(recordPath)) throw damaged(`expected ${layout.recordFile} in it, found none`);
  // Opening a FIFO would block, and a link could lead anywhere.
  if (!files.lstatSync(recordPath).isFile()) throw damaged(`expected ${layout.recordFile} to be a plain file`);
  const record = decodeVolumeRecord(files.readFileSync(recordPath, 'utf8'));
  if (record.volumeId !== name) throw damaged(`expected the record of ${name}, found that of another volume`);
  return record;
}
