import type { Renewal, RenewalPreview, Renewals } from '@certfleet/operator-api/renewals.ts';
import type { Summary, Verdict } from '@certfleet/operator-api/summary.ts';
import { delay } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { reasonOf, show } from './command.ts';
import type { Command, CommandContext } from './command.ts';
import { podCertificateCounts } from './pod-certificate-command.ts';
import { postureFilter, postureTable } from './posture-flags.ts';
import { laneOf } from './lane-commands.ts';
import { distance, table } from './table.ts';
import { timeLimits } from './time-limit.ts';

/** Shows fleet counts, problems and renewals on demand. If one request fails, the other part is still shown. */
export const status: Command = async (context) => {
  const [summary, renewals] = await Promise.allSettled([context.ask('GET', 'summary'), context.ask('GET', 'renewals')]);
  if (summary.status === 'rejected' && renewals.status === 'rejected') throw summary.reason;
  const parts = {
    ...(summary.status === 'fulfilled' && { summary: summary.value as Summary }),
    ...(renewals.status === 'fulfilled' && { renewals: (renewals.value as Renewals).renewals }),
  };
  const missing = Object.entries({ summary, renewals }).flatMap(([part, result]) =>
    result.status === 'rejected' ? [`${part}: ${asCertfleetError(result.reason).message}`] : [],
  );
  show(context, { ...parts, ...(missing.length > 0 && { missing }) }, () =>
    [
      ...(parts.summary === undefined ? [] : [summaryTables(parts.summary)]),
      ...(parts.renewals === undefined ? [] : [renewalTable(parts.renewals)]),
    ].join('\n'),
  );
  if (missing.length === 0) return;
  throw new CertfleetError('unavailable', `the status is incomplete: ${missing.join('; ')}`, {
    reason: 'Partial',
  });
};

function summaryTables(summary: Summary): string {
  const counts = Object.entries(summary.byState).map(([state, count]) => [state, String(count)]);
  const numbers = [
    ...(summary.cluster === undefined ? [] : [['cluster', summary.cluster]]),
    ['volumes', String(summary.volumes)],
    ...counts,
    ['silent nodes', String(summary.agents.silent)],
    // Relative to the controller's clock, because the local clock may be wrong.
    ['soonest expiry in', distance(summary.soonestExpiry, Date.parse(summary.at))],
    ['redis', summary.redis.reachable ? 'reachable' : 'not reachable: the counts are the last known'],
  ];
  const attention = summary.attention.map(({ severity, text }) => [severity, text]);
  const { verdict, posture, podCertificates } = summary as Partial<Summary>;
  const parts = [
    // A controller of an earlier release sends neither verdict nor posture.
    ...(verdict === undefined ? [] : [table(['VERDICT', ''], verdictRows(verdict))]),
    table(['FLEET', ''], numbers),
    ...(posture === undefined ? [] : postureTable(posture)),
    ...(podCertificates === undefined ? [] : [podCertificateCounts(podCertificates)]),
    ...(attention.length === 0 ? [] : [table(['ATTENTION', ''], attention)]),
  ];
  return parts.join('\n');
}

function verdictRows({ level, reasons, more }: Verdict): string[][] {
  const [first = '', ...others] = [...reasons.map(({ text }) => text), ...(more > 0 ? [`and ${more} more`] : [])];
  return [[level, first], ...others.map((text) => ['', text])];
}

function renewalTable(renewals: readonly Renewal[]): string {
  const rows = renewals.map((each) => [
    each.id,
    each.state,
    `${each.renewed}/${each.total}`,
    String(each.pending),
    String(each.failures),
    each.by,
    each.reason,
    each.selection,
  ]);
  return table(['RENEWAL', 'STATE', 'RENEWED', 'PENDING', 'FAILURES', 'BY', 'REASON', 'SELECTION'], rows);
}

const pollIntervalMs = 1_000;

/** What `renew` does with a renewal that was requested before, by the flag that names it. */
const changes = {
  cancel: (name: string) => ['DELETE', `renewals/${name}`],
  suspend: (name: string) => ['POST', `renewals/${name}/suspend`],
  resume: (name: string) => ['POST', `renewals/${name}/resume`],
  approve: (name: string) => ['POST', `renewals/${name}/approve`],
} as const;

/** Starts, previews, suspends, resumes, approves or cancels a renewal. */
export const renew: Command = async (context) => {
  const { ask, options } = context;
  const { flags } = options;
  for (const [flag, requestOf] of Object.entries(changes)) {
    const name = flags[flag];
    if (typeof name !== 'string') continue;
    const [method, path] = requestOf(encodeURIComponent(name));
    const changed = (await ask(method as 'DELETE' | 'POST', path ?? '')) as Renewal;
    show(context, changed, () => renewalTable([changed]));
    return;
  }
  const dryRun = flags['dry-run'] === true;
  const answer = await ask('POST', 'renewals', {
    selection: await selectionOf(context),
    reason: reasonOf(context, dryRun ? 'dry run' : undefined),
    dryRun,
    ignoreWindows: flags['ignore-windows'] === true,
    everything: flags['all'] === true,
    ...given({ canary: countOf(flags, 'canary'), stopAfterFailures: countOf(flags, 'stop-after-failures') }),
  });
  if (dryRun) {
    const preview = answer as RenewalPreview;
    const rows = preview.byIssuer.map(({ value, count }) => [value, String(count)]);
    show(context, preview, () => `${preview.count} volumes would be renewed\n${table(['ISSUER', 'VOLUMES'], rows)}`);
    return;
  }
  await follow(context, answer as Renewal);
};

/** A number of the command line; the API checks its limits. */
function countOf(flags: CommandContext['options']['flags'], name: string): number | undefined {
  const value = flags[name];
  if (typeof value !== 'string') return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new CertfleetError('invalid-argument', `--${name}: expected a number, found ${JSON.stringify(value)}`);
}

async function follow(context: CommandContext, renewal: Renewal): Promise<void> {
  const { ask, options, clock, print } = context;
  let progress = renewal;
  show(context, progress, () => renewalTable([progress]));
  while (options.flags['wait'] === true && (progress.state === 'starting' || progress.state === 'running')) {
    await delay(clock, pollIntervalMs);
    progress = (await ask('GET', `renewals/${progress.id}`)) as Renewal;
    if (options.output === 'table')
      print(`${progress.renewed} of ${progress.total} renewed, ${progress.failures} failed attempts\n`);
  }
  if (options.output === 'table' && options.flags['wait'] === true && progress.message !== undefined)
    print(`${progress.state}: ${progress.message}\n`);
}

async function selectionOf(context: CommandContext): Promise<object> {
  const { namespace, node, pod, volume, selector, issuer, state, served, search } = context.options.flags;
  const { 'issued-before': issuedBefore, 'ca-fingerprint': caFingerprint } = context.options.flags;
  const times = timeLimits(context, ['issued-before']);
  const query = given({ state, served, search, ...times, ...postureFilter(context.options) });
  return given({
    namespace,
    node,
    pod,
    volumeId: volume,
    labelSelector: selector,
    issuedBefore,
    caFingerprint,
    issuer: issuer === undefined ? undefined : (await laneOf(context, String(issuer))).issuer,
    query: Object.keys(query).length === 0 ? undefined : query,
  });
}

function given(values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
