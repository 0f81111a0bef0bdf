import type { CertificateText } from '@certfleet/operator-api/certificate.ts';
import type { Nodes } from '@certfleet/operator-api/nodes.ts';
import type {
  Issuance,
  Served,
  VolumeDetail,
  VolumeGroups,
  VolumePage,
  VolumeRow,
} from '@certfleet/operator-api/volumes.ts';
import { podCertificateGroupKeys } from '@certfleet/operator-api/vocabulary.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { allPages, operand, show, withQuery } from './command.ts';
import type { Command, CommandContext } from './command.ts';
import { postureColumns, postureFilter } from './posture-flags.ts';
import type { Column } from './posture-flags.ts';
import {
  assertCurrent,
  certificateTable,
  groupPodCertificates,
  listPodCertificates,
} from './pod-certificate-command.ts';
import type { Following, Query } from './pod-certificate-command.ts';
import { groupTable } from './group-table.ts';
import { age, distance, table } from './table.ts';
import { timeFlags, timeLimits } from './time-limit.ts';

/** Lists the volumes that match the flags, or groups them. */
export const list: Command = async (context) => {
  const { namespace, node, pod, volume, issuer, state, served, search, sort, order } = context.options.flags;
  const { 'group-by': by, 'ca-fingerprint': caFingerprint } = context.options.flags;
  const risk = riskFilter(context);
  const named = { namespace, node, pod, volumeId: volume, issuer, state, served, search, risk, caFingerprint };
  const filter = { ...named, ...timeLimits(context), ...postureFilter(context.options) };
  if (by !== undefined) {
    await listGroups(context, { ...filter, by: String(by), sort, order });
    return;
  }
  const wanted = { ...filter, sort: sort ?? (isOfRisk(risk) ? 'expires' : 'namespace'), order };
  const pages = await allPages<VolumePage>(context.ask, 'volumes', wanted);
  const volumes = pages.flatMap((page) => page.volumes);
  const pods = await beside(podCertificatesAtRisk(context, listPodCertificates));
  const answer = { volumes, ...(pods.found && { podCertificates: pods.found }) };
  show(context, answer, () => {
    const listed = volumeTable(volumes, context);
    if (pods.found === undefined) return listed;
    return `${listed}\n${certificateTable(pods.found.certificates, context.clock.now(), true)}`;
  });
  pods.assertComplete();
};

/** @throws CertfleetError invalid-argument if both flags for risks are given */
function riskFilter({ options: { flags } }: CommandContext): string | undefined {
  const { 'at-risk': isAtRisk, risk } = flags;
  if (typeof risk !== 'string') return isAtRisk === true ? 'any' : undefined;
  if (isAtRisk !== true) return risk;
  throw new CertfleetError('invalid-argument', '--at-risk and --risk exclude each other: --at-risk is any risk');
}

/** Whether only volumes at risk are listed. */
const isOfRisk = (risk: string | undefined): boolean => risk !== undefined && risk !== 'none';

interface Beside<Found> {
  readonly found: Found | undefined;
  /** @throws CertfleetError unavailable if it is missing or may be outdated, with exit code 2 */
  readonly assertComplete: () => void;
}

/** Pod certificates that are shown beside volumes: without them, the volumes are shown alone. */
async function beside<Found extends Following>(loading: Promise<Found | undefined>): Promise<Beside<Found>> {
  try {
    const found = await loading;
    return { found, assertComplete: () => found && assertCurrent(found) };
  } catch (thrown) {
    const message = `the pod certificates cannot be read: ${asCertfleetError(thrown).message}`;
    const assertComplete = (): void => {
      throw new CertfleetError('unavailable', message, { reason: 'Partial' });
    };
    return { found: undefined, assertComplete };
  }
}

/** Filters that only volumes have. */
const volumeFilters: readonly string[] = [
  ...['ca-fingerprint', 'volume', 'issuer', 'state', 'served', 'label'],
  ...['rsa-below', 'signature', 'lifetime-over', 'requested-over', 'is-ca', 'not-ca', 'usage'],
  ...timeFlags.filter((flag) => flag !== 'expires-before'),
];

/** Undefined without --at-risk, if a filter is for volumes only, or if the controller does not follow pod certificates. */
async function podCertificatesAtRisk<Found extends Following>(
  context: CommandContext,
  load: (context: CommandContext, query: Query) => Promise<Found>,
): Promise<Found | undefined> {
  const { flags } = context.options;
  const { namespace, node, pod, workload, search } = flags;
  if (flags['at-risk'] !== true || volumeFilters.some((flag) => flags[flag] !== undefined)) return undefined;
  const query = { namespace, node, pod, workload, search, risk: 'any', sort: 'expires', ...timeLimits(context) };
  const found = await load(context, query);
  return found.following === 'off' ? undefined : found;
}

const servedColumns: readonly Column[] = [['SERVED', ({ served }) => served?.state ?? '']];

function riskColumns(nowMs: number): readonly Column[] {
  return [
    ['RISK', ({ risk }) => risk?.reason ?? ''],
    ['SINCE', ({ risk }) => age(risk?.since, nowMs)],
  ];
}

const workloadColumns: readonly Column[] = [['WORKLOAD', ({ workload }) => workload ?? '']];

const placeColumns: readonly Column[] = [
  ['NAMESPACE', ({ namespace }) => namespace],
  ['POD', ({ pod }) => pod],
  ['NODE', ({ node }) => node],
  ['ISSUER', ({ issuer }) => issuer],
];

function renewalColumns(nowMs: number, isAtRisk: boolean): readonly Column[] {
  return [
    ['STATE', ({ state, waiting }) => (waiting === undefined ? state : `${state} (${waiting.reason})`)],
    ['GENERATION', ({ generation }) => String(generation)],
    ['RENEWS IN', ({ renewAt }) => distance(renewAt, nowMs)],
    ['EXPIRES IN', ({ notAfter }) => distance(notAfter, nowMs)],
    ...(isAtRisk ? riskColumns(nowMs) : servedColumns),
  ];
}

function volumeTable(volumes: readonly VolumeRow[], context: CommandContext): string {
  const { options, clock } = context;
  const columns: readonly Column[] = [
    ...placeColumns,
    // Only agents with the option to read pods report workloads.
    ...(volumes.some(({ workload }) => workload !== undefined) ? workloadColumns : []),
    ...(options.flags['posture'] === true
      ? postureColumns()
      : renewalColumns(clock.now(), isOfRisk(riskFilter(context)))),
    ['VOLUME', ({ volumeId }) => volumeId],
  ];
  return table(
    columns.map(([title]) => title),
    volumes.map((each) => columns.map(([, cell]) => cell(each))),
  );
}

async function listGroups(context: CommandContext, query: Query & { readonly by: string }): Promise<void> {
  const { by, sort } = query;
  const found = (await context.ask('GET', withQuery('volumes/groups', { limit: '1000', ...query }))) as VolumeGroups;
  const isCommon = podCertificateGroupKeys.some((key) => key === by);
  const pods = await beside(
    isCommon
      ? podCertificatesAtRisk(context, (_, filter) => groupPodCertificates(context, { ...filter, by, sort }))
      : Promise.resolve(undefined),
  );
  show(context, { ...found, ...(pods.found && { podCertificates: pods.found }) }, () => {
    const nowMs = context.clock.now();
    const listed = groupTable(found, [by, 'volumes'], nowMs);
    return pods.found === undefined ? listed : `${listed}\n${groupTable(pods.found, [by, 'pod certificates'], nowMs)}`;
  });
  pods.assertComplete();
}

/** Shows one volume in detail. */
export const showVolume: Command = async (context) => {
  const volumeId = operand(context, 'a volume id');
  const found = (await context.ask('GET', withQuery('volumes', { volumeId }))) as VolumePage;
  const [first] = found.volumes;
  if (first === undefined) throw new CertfleetError('not-found', `there is no volume ${volumeId}`);
  const path = `volumes/${encodeURIComponent(first.node)}/${encodeURIComponent(volumeId)}`;
  if (context.options.flags['certificate'] === true) {
    // The controller has escaped control characters in this text.
    const certificate = (await context.ask('GET', `${path}/certificate`)) as CertificateText;
    show(context, certificate, () => certificate.text);
    return;
  }
  const detail = (await context.ask('GET', path)) as VolumeDetail;
  show(context, detail, () => {
    const { history, waiting = {}, failure = {}, served, posture = {}, labels = {}, ...rest } = detail;
    const shown = {
      ...rest,
      ...labelFields(labels),
      ...posture,
      ...waiting,
      ...failure,
      ...(served && servedFields(served)),
    };
    return `${table(['FIELD', 'VALUE'], fields(shown))}\n${historyTable(history)}`;
  });
};

function labelFields(labels: Readonly<Record<string, string>>): object {
  return Object.fromEntries(Object.entries(labels).map(([key, value]) => [`label ${key}`, value]));
}

function servedFields({ state, since, failure }: Served): object {
  return {
    served: state,
    ...(since !== undefined && { servedSince: since }),
    ...(failure !== undefined && { probeFailure: failure }),
  };
}

function fields(object: object): string[][] {
  return Object.entries(object).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : String(value)]);
}

function historyTable(history: readonly Issuance[]): string {
  const rows = history.map(({ at, generation, cause, path, durationMs, result, error = '' }) => [
    at,
    String(generation),
    cause,
    path,
    durationMs === undefined ? '' : `${durationMs} ms`,
    result,
    error,
  ]);
  return table(['ISSUED', 'GENERATION', 'CAUSE', 'PATH', 'TOOK', 'RESULT', 'ERROR'], rows);
}

/** Lists nodes and the time of their last heartbeat. */
export const nodes: Command = async (context) => {
  const answer = (await context.ask('GET', 'nodes')) as Nodes;
  // Heartbeats use the controller's clock; the local clock may be wrong.
  const nowMs = answer.at === undefined ? context.clock.now() : Date.parse(answer.at);
  const rows = answer.nodes.map((each) => [
    each.node,
    each.isSilent ? 'silent' : 'online',
    age(each.lastSeen, nowMs),
    each.agentVersion,
    String(each.volumes),
    String(each.byState.failing),
  ]);
  show(context, answer, () => table(['NODE', 'STATE', 'LAST SEEN', 'AGENT', 'VOLUMES', 'FAILING'], rows));
};
