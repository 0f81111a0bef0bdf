import type { Lane, LanePage } from '@certfleet/operator-api/lanes.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { allPages, operand, reasonOf, show } from './command.ts';
import type { Command, CommandContext } from './command.ts';
import { table } from './table.ts';

/** Lists the lanes. */
export const lanes: Command = async (context) => {
  const { search, state, sort } = context.options.flags;
  const pages = await allPages<LanePage>(context.ask, 'lanes', { search, state, sort });
  const all = pages.flatMap((page) => page.lanes);
  show(context, { lanes: all }, () => laneTable(all));
};

/** Pauses a lane. */
export const pause: Command = async (context) => {
  const { id } = await laneOf(context, operand(context, 'a lane'));
  const lane = (await context.ask('POST', `lanes/${id}/pause`, { reason: reasonOf(context) })) as Lane;
  show(context, lane, () => laneTable([lane]));
};

/** Resumes a lane. */
export const resume: Command = async (context) => {
  const { id } = await laneOf(context, operand(context, 'a lane'));
  const lane = (await context.ask('POST', `lanes/${id}/resume`)) as Lane;
  show(context, lane, () => laneTable([lane]));
};

/**
 * Finds a lane by id or key.
 * @throws CertfleetError not-found
 */
export async function laneOf({ ask }: CommandContext, idOrKey: string): Promise<Lane> {
  const pages = await allPages<LanePage>(ask, 'lanes', {});
  const lane = pages.flatMap((page) => page.lanes).find(({ id, key }) => id === idOrKey || key === idOrKey);
  if (lane === undefined) throw new CertfleetError('not-found', `there is no lane ${idOrKey}; see certfleet lanes`);
  return lane;
}

function laneTable(shown: readonly Lane[]): string {
  const rows = shown.map((lane) => [
    lane.id,
    lane.key,
    lane.paused === undefined ? lane.state : `paused: ${lane.paused.reason}`,
    `${lane.policy.ratePerSecond}/s`,
    `${lane.inFlight}/${lane.policy.maxInFlight}`,
    String(lane.queued + lane.blocked + (lane.podCertificates?.waiting ?? 0)),
    String(lane.volumes),
    lane.lastError?.message ?? '',
  ]);
  return table(['LANE', 'ISSUER', 'STATE', 'RATE', 'IN FLIGHT', 'WAITING', 'VOLUMES', 'LAST ERROR'], rows);
}
