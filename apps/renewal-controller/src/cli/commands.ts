import { audit } from './audit-command.ts';
import type { Command } from './command.ts';
import { lanes, pause, resume } from './lane-commands.ts';
import { renew, status } from './renewal-commands.ts';
import { rotations } from './rotation-commands.ts';
import { list, nodes, showVolume } from './volume-commands.ts';

export const commands: Readonly<Record<string, Command>> = {
  list,
  show: showVolume,
  nodes,
  lanes,
  status,
  renew,
  pause,
  resume,
  rotations,
  audit,
};
