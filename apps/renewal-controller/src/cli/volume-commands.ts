import type { CertificateText } from '@certfleet/operator-api/certificate.ts';
import type { Nodes } from '@certfleet/operator-api/nodes.ts';
import type { Issuance, Served, VolumeDetail, VolumePage } from '@certfleet/operator-api/volumes.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { allPages, operand, show, withQuery } from './command.ts';
import type { Command } from './command.ts';
import { age, distance, table } from './table.ts';

/** Lists the volumes that match the flags. */
export const list: Command = async (context) => {
  const { namespace, node, pod, volume, issuer, state, served, search, sort } = context.options.flags;
  const wanted = { namespace, node, pod, volumeId: volume, issuer, state, served, search, sort: sort ?? 'namespace' };
  const pages = await allPages<VolumePage>(context.ask, 'volumes', wanted);
  const volumes = pages.flatMap((page) => page.volumes);
  const nowMs = context.clock.now();
  const rows = volumes.map((each) => [
    each.namespace,
    each.pod,
    each.node,
    each.issuer,
    each.waiting === undefined ? each.state : `${each.state} (${each.waiting.reason})`,
    String(each.generation),
    distance(each.renewAt, nowMs),
    distance(each.notAfter, nowMs),
    each.served?.state ?? '',
    each.volumeId,
  ]);
  const titles = [
    'NAMESPACE',
    'POD',
    'NODE',
    'ISSUER',
    'STATE',
    'GENERATION',
    'RENEWS IN',
    'EXPIRES IN',
    'SERVED',
    'VOLUME',
  ];
  show(context, { volumes }, () => table(titles, rows));
};

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
    const { history, waiting = {}, failure = {}, served, ...rest } = detail;
    const shown = { ...rest, ...waiting, ...failure, ...(served && servedFields(served)) };
    return `${table(['FIELD', 'VALUE'], fields(shown))}\n${historyTable(history)}`;
  });
};

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
