import { audit } from './audit-command.ts';
import type { Command } from './command.ts';
import type { CliFlag } from './cli-options.ts';
import { lanes, pause, resume } from './lane-commands.ts';
import { podCertificates } from './pod-certificate-command.ts';
import { renew, status } from './renewal-commands.ts';
import { rotations } from './rotation-commands.ts';
import { timeFlags } from './time-limit.ts';
import { list, nodes, showVolume } from './volume-commands.ts';

interface CommandEntry {
  readonly run: Command;
  /** The flags that it uses, beside those of every command. Another one is refused: it would be ignored. */
  readonly flags: readonly CliFlag[];
}

const criteria = ['namespace', 'node', 'pod', 'volume', 'issuer', 'state', 'search'] as const;
const properties = [
  ...(['workload', 'label', 'rsa-below', 'signature', 'lifetime-over', 'requested-over'] as const),
  ...(['is-ca', 'not-ca', 'usage'] as const),
  ...timeFlags,
] as const;

export const commands: Readonly<Record<string, CommandEntry>> = {
  list: {
    run: list,
    flags: [
      ...([...criteria, ...properties, 'served', 'ca-fingerprint', 'sort', 'order'] as const),
      ...(['at-risk', 'risk', 'posture', 'group-by'] as const),
    ],
  },
  show: { run: showVolume, flags: ['certificate'] },
  'pod-certificates': {
    run: podCertificates,
    flags: [
      ...(['namespace', 'node', 'pod', 'signer', 'workload', 'state', 'search', 'sort'] as const),
      ...(['at-risk', 'expires-before', 'group-by'] as const),
    ],
  },
  nodes: { run: nodes, flags: [] },
  lanes: { run: lanes, flags: ['search', 'state', 'sort'] },
  status: { run: status, flags: [] },
  renew: {
    run: renew,
    flags: [
      ...([...criteria, ...properties, 'served', 'selector', 'ca-fingerprint', 'all'] as const),
      ...(['reason', 'dry-run', 'wait', 'ignore-windows', 'canary', 'stop-after-failures'] as const),
      ...(['cancel', 'suspend', 'resume', 'approve'] as const),
    ],
  },
  pause: { run: pause, flags: ['reason'] },
  resume: { run: resume, flags: ['reason'] },
  rotations: {
    run: rotations,
    flags: [
      ...(['from', 'to', 'reason', 'suspended', 'hold-before', 'max-failures', 'max-not-loaded', 'phase'] as const),
      ...(['roll-workloads', 'max-unknown', 'confirmed-signers'] as const),
      ...(['namespace', 'node', 'selector'] as const),
    ],
  },
  audit: { run: audit, flags: ['who', 'action', 'target', 'since'] },
};
