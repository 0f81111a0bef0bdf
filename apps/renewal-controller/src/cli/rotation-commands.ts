import { readFileSync } from 'node:fs';
import { fingerprintPattern } from '@certfleet/operator-api/fingerprint.ts';
import type { Rotation, Rotations } from '@certfleet/operator-api/rotations.ts';
import { CertfleetError, messageOf } from '@certfleet/shared/errors.ts';
import { reasonOf, show } from './command.ts';
import type { Command, CommandContext } from './command.ts';
import { table } from './table.ts';

/** Lists, shows, starts and changes CA rotations. */
export const rotations: Command = async (context) => {
  const [action = 'list', name] = context.options.operands;
  const run = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (run === undefined)
    throw new CertfleetError(
      'invalid-argument',
      `rotations: expected one of ${Object.keys(actions).join(', ')}, found ${action}`,
    );
  await run(context, name);
};

type Action = (context: CommandContext, name: string | undefined) => Promise<void>;

const changed =
  (method: 'POST' | 'DELETE', action: string): Action =>
  async (context, name) => {
    showOne(context, (await context.ask(method, `rotations/${pathOf(name)}${action}`)) as Rotation);
  };

const actions: Readonly<Record<string, Action>> = {
  list: async (context) => {
    const answer = (await context.ask('GET', 'rotations')) as Rotations;
    show(context, answer, () => rotationTable(answer.rotations));
  },
  show: async (context, name) => {
    const rotation = (await context.ask('GET', `rotations/${pathOf(name)}`)) as Rotation;
    show(context, rotation, () => detailOf(rotation));
  },
  start: async (context, name) => {
    const { flags } = context.options;
    const { 'max-failures': maxFailures, 'max-not-loaded': maxNotLoaded, 'hold-before': holdBefore } = flags;
    const { namespace, node, selector: labelSelector } = flags;
    const selection = given({ namespace, node, labelSelector });
    const request = given({
      name,
      from: caOf(context, 'from'),
      to: caOf(context, 'to'),
      reason: reasonOf(context),
      selection: Object.keys(selection).length === 0 ? undefined : selection,
      suspend: flags['suspended'],
      holdBefore: typeof holdBefore === 'string' ? holdBefore.split(',') : undefined,
      maxFailures: thresholdOf(maxFailures),
      maxNotLoaded: thresholdOf(maxNotLoaded),
      podCertificates: podCertificatesOf(flags),
    });
    showOne(context, (await context.ask('POST', 'rotations', request)) as Rotation);
  },
  suspend: changed('POST', '/suspend'),
  resume: changed('POST', '/resume'),
  rollback: changed('POST', '/rollback'),
  approve: async (context, name) => {
    const { phase } = context.options.flags;
    const rotation = await context.ask('POST', `rotations/${pathOf(name)}/approve`, { phase });
    showOne(context, rotation as Rotation);
  },
  delete: changed('DELETE', ''),
};

function pathOf(name: string | undefined): string {
  if (name === undefined) throw new CertfleetError('invalid-argument', 'rotations: expected a name, found none');
  return encodeURIComponent(name);
}

const sha256 = new RegExp(fingerprintPattern);

/** The certificates of a file, or the SHA-256 or issuer that the flag names: the controller finds their CA. */
function caOf({ options }: CommandContext, flag: 'from' | 'to'): string {
  const given = options.flags[flag];
  const expected = `FILE with CA certificates in PEM, SHA-256 of a CA${flag === 'from' ? ', or key of an issuer' : ''}`;
  if (typeof given !== 'string' || given === '')
    throw new CertfleetError('invalid-argument', `rotations: --${flag} is required: ${expected}`);
  if (sha256.test(given)) return given;
  try {
    return readFileSync(given, 'utf8');
  } catch (thrown) {
    const isIssuer = flag === 'from' && isAbsent(thrown) && given.split('/').length === 3;
    if (isIssuer) return given;
    const problem = `cannot read ${given}: ${messageOf(thrown)}`;
    throw new CertfleetError('invalid-argument', `--${flag}: ${problem}; expected ${expected}`);
  }
}

function isAbsent(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR');
}

function thresholdOf(value: string | boolean | undefined): number | string | undefined {
  if (typeof value !== 'string') return undefined;
  return /^\d+$/.test(value) ? Number(value) : value;
}

function podCertificatesOf(flags: CommandContext['options']['flags']): object | undefined {
  const { 'roll-workloads': rollWorkloads, 'max-unknown': maxUnknown, 'confirmed-signers': signers } = flags;
  const confirmedSigners = typeof signers === 'string' ? signers.split(',') : undefined;
  const asked = given({ rollWorkloads, maxUnknown: thresholdOf(maxUnknown), confirmedSigners });
  return Object.keys(asked).length === 0 ? undefined : asked;
}

function given(values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function showOne(context: CommandContext, rotation: Rotation): void {
  show(context, rotation, () => rotationTable([rotation]));
}

function rotationTable(shown: readonly Rotation[]): string {
  const rows = shown.map((each) => {
    const { total, trusted, reissued, retired, blocked } = each.counts;
    const done = [trusted, reissued, retired].map((part) => `${part}/${total}`);
    const { podCertificates: pods } = each;
    const ofPods = pods === undefined ? '' : `${pods.reissued}/${pods.total}`;
    return [each.id, stateOf(each), each.waitingFor ?? '', ...done, ofPods, String(blocked), each.by, each.reason];
  });
  const ofVolumes = ['TRUST', 'REISSUED', 'RETIRED'];
  return table(['ROTATION', 'PHASE', 'WAITING FOR', ...ofVolumes, 'PODS', 'BLOCKED', 'BY', 'REASON'], rows);
}

function stateOf({ phase, direction, isSuspended, isProposed }: Rotation): string {
  const suspended = isProposed ? 'proposed' : 'suspended';
  const notes = [...(direction === 'Backward' ? ['rollback'] : []), ...(isSuspended ? [suspended] : [])];
  return notes.length === 0 ? phase : `${phase} (${notes.join(', ')})`;
}

function detailOf(rotation: Rotation): string {
  const { counts, blocking, from, to, message = '', waitingFor = '' } = rotation;
  const fields: [string, string][] = [
    ['rotation', rotation.id],
    ['phase', stateOf(rotation)],
    ['waiting for', waitingFor],
    ['message', message],
    ['from', from.join(', ')],
    ['to', to.join(', ')],
    ...Object.entries(counts).map(([name, value]): [string, string] => [name, String(value)]),
    ['issuers', blocking.issuers.join(', ')],
    ['nodes', blocking.nodes.join(', ')],
    ...podFields(rotation),
  ];
  const volumes = blocking.volumes.map((each) => [
    each.namespace,
    each.pod,
    each.node,
    each.volumeId,
    each.message ?? '',
  ]);
  const blocked = volumes.length === 0 ? '' : `\n${table(['NAMESPACE', 'POD', 'NODE', 'VOLUME', 'ERROR'], volumes)}`;
  return `${table(['FIELD', 'VALUE'], fields)}${blocked}${podTables(rotation)}`;
}

function podFields({ podCertificates: pods }: Rotation): [string, string][] {
  if (pods === undefined) return [];
  const { reissued, remaining, unknown, refreshBy = '', expireBy = '', rolled, rolling = '', notRolled = '' } = pods;
  return [
    ['pod certificates', `${reissued} reissued, ${remaining} remaining, ${unknown} unknown`],
    ['refreshed by', refreshBy],
    ['expire by', expireBy],
    ['workloads rolled', String(rolled)],
    ['rolling', rolling === '' ? notRolled : rolling],
  ];
}

/** The trust of each signer name, and the pods that the rotation waits for. */
function podTables({ podCertificates: pods }: Rotation): string {
  if (pods === undefined) return '';
  const signers = pods.signers.map(({ name, remaining, reissued, bundle, problem = '', leavingUntil = '' }) => [
    ...[name, String(remaining), String(reissued), problem === '' ? bundle : `${bundle} (${problem})`, leavingUntil],
  ]);
  const awaited = pods.awaited.map(({ namespace, pod, node, signer, message }) => [
    namespace,
    pod,
    node,
    signer,
    message,
  ]);
  const signerTable =
    signers.length === 0 ? '' : `\n${table(['SIGNER', 'REMAINING', 'REISSUED', 'BUNDLE', 'OLD ROOT UNTIL'], signers)}`;
  const podTable =
    awaited.length === 0 ? '' : `\n${table(['NAMESPACE', 'POD', 'NODE', 'SIGNER', 'WAITS FOR'], awaited)}`;
  return `${signerTable}${podTable}`;
}
