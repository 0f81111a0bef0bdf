import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { BulkRenewal, RenewalPreview } from '../dispatch/bulk-renewal.ts';
import type { FleetSummary } from '../fleet-index/fleet-summary.ts';
import type { IssuerName } from '../fleet-index/volume-state.ts';
import type { ShownVolume, VolumePage } from '../http/volume-page.ts';
import type { LaneState } from '../lanes/lane-store.ts';
import type { AskApi } from './api-client.ts';
import type { CliOptions } from './cli-options.ts';
import { distance, table } from './table.ts';

/** What a command works with. */
export interface CommandContext {
  readonly ask: AskApi;
  readonly options: CliOptions;
  readonly clock: Clock;
  readonly print: (text: string) => void;
}

type Command = (context: CommandContext) => Promise<void>;
type ShownLane = LaneState & { readonly key: string };

/** Shows the API's answer as it is, or as a table. */
function show({ options, print }: CommandContext, answer: unknown, asTable: () => string): void {
  print(options.output === 'json' ? `${JSON.stringify(answer, undefined, 2)}\n` : asTable());
}

const list: Command = async (context) => {
  const { namespace, node, pod, volume, issuer, state } = context.options.flags;
  const wanted = { namespace, node, pod, volumeId: volume, issuer, state };
  const volumes: ShownVolume[] = [];
  for (let after: string | undefined = ''; after !== undefined;) {
    const query = new URLSearchParams({ limit: '1000' });
    for (const [name, value] of Object.entries(wanted)) if (typeof value === 'string') query.set(name, value);
    if (after !== '') query.set('after', after);
    const page = (await context.ask('GET', `volumes?${query.toString()}`)) as VolumePage;
    volumes.push(...page.volumes);
    after = page.next;
  }
  const nowMs = context.clock.now();
  const rows = volumes.map((each) => [
    each.namespace,
    each.pod,
    each.node,
    each.issuer,
    each.state,
    String(each.generation),
    distance(each.certificate?.renewAt, nowMs),
    distance(each.certificate?.notAfter, nowMs),
    each.volumeId,
  ]);
  const titles = ['NAMESPACE', 'POD', 'NODE', 'ISSUER', 'STATE', 'GENERATION', 'RENEWS IN', 'EXPIRES IN', 'VOLUME'];
  show(context, { volumes }, () => table(titles, rows));
};

const showVolume: Command = async (context) => {
  const volumeId = operand(context, 'a volume id');
  const { volumes } = (await context.ask('GET', `volumes?volumeId=${encodeURIComponent(volumeId)}`)) as VolumePage;
  if (volumes.length === 0) throw new CertfleetError('not-found', `there is no volume ${volumeId}`);
  show(context, volumes[0], () =>
    volumes
      .map(({ certificate = {}, failure = {}, ...rest }) =>
        table(['FIELD', 'VALUE'], fields({ ...rest, ...certificate, ...failure })),
      )
      .join('\n'),
  );
};

function fields(object: object): string[][] {
  return Object.entries(object).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : String(value)]);
}

const nodes: Command = async (context) => {
  const answer = (await context.ask('GET', 'nodes')) as {
    readonly nodes: readonly {
      node: string;
      isSilent: boolean;
      lastSeen?: string;
      agentVersion: string;
      volumes: number;
    }[];
  };
  const nowMs = context.clock.now();
  const rows = answer.nodes.map((each) => [
    each.node,
    each.isSilent ? 'silent' : 'online',
    distance(each.lastSeen, nowMs),
    each.agentVersion,
    String(each.volumes),
  ]);
  show(context, answer, () => table(['NODE', 'STATE', 'LAST SEEN', 'AGENT', 'VOLUMES'], rows));
};

const lanes: Command = async (context) => {
  const answer = (await context.ask('GET', 'lanes')) as { readonly lanes: readonly ShownLane[] };
  show(context, answer, () => laneTable(answer.lanes));
};

function laneTable(shown: readonly ShownLane[]): string {
  const rows = shown.map((lane) => [
    lane.id,
    lane.key,
    lane.paused === undefined
      ? lane.backoffUntilMs === undefined
        ? 'open'
        : 'resting'
      : `paused: ${lane.paused.reason}`,
    `${lane.policy.ratePerSecond}/s`,
    `${lane.inFlight}/${lane.policy.maxInFlight}`,
    String(lane.queued + lane.parked),
    lane.lastError?.message ?? '',
  ]);
  return table(['LANE', 'ISSUER', 'STATE', 'RATE', 'IN FLIGHT', 'WAITING', 'LAST ERROR'], rows);
}

const status: Command = async (context) => {
  const summary = (await context.ask('GET', 'summary')) as FleetSummary;
  const { renewals } = (await context.ask('GET', 'renewals')) as { readonly renewals: readonly BulkRenewal[] };
  show(context, { summary, renewals }, () => {
    const soonest = summary.soonestExpiryMs === undefined ? undefined : new Date(summary.soonestExpiryMs).toISOString();
    const counts = Object.entries(summary.byState).map(([state, count]) => [state, String(count)]);
    const extra = [
      ['volumes', String(summary.volumes)],
      ...counts,
      ['due', String(summary.due)],
      ['soonest expiry in', distance(soonest, context.clock.now())],
    ];
    return `${table(['FLEET', ''], extra)}\n${renewalTable(renewals)}`;
  });
};

function renewalTable(renewals: readonly BulkRenewal[]): string {
  const rows = renewals.map((each) => [
    each.id,
    each.state,
    `${each.renewed}/${each.total}`,
    String(each.pending),
    String(each.failures),
    each.by,
    each.reason,
  ]);
  return table(['RENEWAL', 'STATE', 'RENEWED', 'PENDING', 'FAILURES', 'BY', 'REASON'], rows);
}

const betweenLooksMs = 1_000;

const renew: Command = async (context) => {
  const { ask, options, clock, print } = context;
  const { flags } = options;
  if (typeof flags['cancel'] === 'string') {
    const cancelled = (await ask('DELETE', `renewals/${encodeURIComponent(flags['cancel'])}`)) as BulkRenewal;
    show(context, cancelled, () => renewalTable([cancelled]));
    return;
  }
  const dryRun = flags['dry-run'] === true;
  const answer = await ask('POST', 'renewals', {
    selection: await selectionOf(context),
    reason: reasonOf(context, dryRun ? 'dry run' : undefined),
    dryRun,
    ignoreWindows: flags['ignore-windows'] === true,
    everything: flags['all'] === true,
  });
  if (dryRun) {
    const preview = answer as RenewalPreview;
    const rows = preview.byIssuer.map(([issuer, count]) => [issuer, String(count)]);
    show(context, preview, () => `${preview.count} volumes would be renewed\n${table(['ISSUER', 'VOLUMES'], rows)}`);
    return;
  }
  let progress = answer as BulkRenewal;
  show(context, progress, () => renewalTable([progress]));
  while (flags['wait'] === true && (progress.state === 'starting' || progress.state === 'running')) {
    await delay(clock, betweenLooksMs);
    progress = (await ask('GET', `renewals/${progress.id}`)) as BulkRenewal;
    if (options.output === 'table')
      print(`${progress.renewed} of ${progress.total} renewed, ${progress.failures} failed tries\n`);
  }
};

async function selectionOf(context: CommandContext): Promise<object> {
  const { namespace, node, pod, volume, selector, issuer } = context.options.flags;
  const { 'issued-before': issuedBefore, 'ca-fingerprint': caFingerprint } = context.options.flags;
  const selection = { namespace, node, pod, volumeId: volume, labelSelector: selector, issuedBefore, caFingerprint };
  const given = Object.fromEntries(Object.entries(selection).filter(([, value]) => value !== undefined));
  return issuer === undefined ? given : { ...given, issuer: await issuerOf(context, String(issuer)) };
}

async function issuerOf(context: CommandContext, key: string): Promise<IssuerName> {
  return (await laneOf(context, key)).issuer;
}

async function laneOf({ ask }: CommandContext, idOrKey: string): Promise<ShownLane> {
  const { lanes: known } = (await ask('GET', 'lanes')) as { readonly lanes: readonly ShownLane[] };
  const lane = known.find(({ id, key }) => id === idOrKey || key === idOrKey);
  if (lane === undefined) throw new CertfleetError('not-found', `there is no lane ${idOrKey}; see certfleet lanes`);
  return lane;
}

const pause: Command = async (context) => {
  const { id } = await laneOf(context, operand(context, 'a lane'));
  const lane = (await context.ask('POST', `lanes/${id}/pause`, { reason: reasonOf(context) })) as ShownLane;
  show(context, lane, () => laneTable([lane]));
};

const resume: Command = async (context) => {
  const { id } = await laneOf(context, operand(context, 'a lane'));
  const lane = (await context.ask('POST', `lanes/${id}/resume`)) as ShownLane;
  show(context, lane, () => laneTable([lane]));
};

function operand({ options }: CommandContext, what: string): string {
  const [first] = options.operands;
  if (first === undefined)
    throw new CertfleetError('invalid-argument', `${options.command}: expected ${what}, found none`);
  return first;
}

function reasonOf({ options }: CommandContext, fallback?: string): string {
  const { reason = fallback } = options.flags;
  if (typeof reason === 'string' && reason !== '') return reason;
  throw new CertfleetError('invalid-argument', `${options.command}: expected --reason, found none`);
}

/** The commands by name. */
export const commands: Readonly<Record<string, Command>> = {
  list,
  show: showVolume,
  nodes,
  lanes,
  status,
  renew,
  pause,
  resume,
};
