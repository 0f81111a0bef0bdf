import type { IndexState } from '../fleet-index/index-state.ts';
import type { VolumeCriterion } from '../fleet-index/query/volume-filter.ts';
import { selectionCriterion } from '../fleet-index/query/volume-selection.ts';
import { toSelectionRequest } from '../renewals/renewal-selection.ts';
import { gatherFacts } from './gather-facts.ts';
import { gatherPodCertificates } from './gather-pod-certificates.ts';
import type { RotationReconcilerParts } from './reconciler-parts.ts';
import type { RotationCas } from './rotation-certificates.ts';
import type { RotationFacts } from './rotation-facts.ts';
import type { RotationMemory } from './rotation-memory.ts';
import type { RotationObject } from './rotation-object.ts';
import { coverageOf } from './rotation-renewals.ts';
import { caPairOf, stateOf } from './rotation-step.ts';

type Parts = Pick<
  RotationReconcilerParts,
  'view' | 'silentAfterMs' | 'clock' | 'store' | 'selectVolumes' | 'podCertificates'
>;

interface Rotation {
  readonly object: RotationObject;
  readonly cas: RotationCas;
  readonly index: IndexState;
}

/** What is known of the volumes and the pod certificates of a rotation. */
export async function gatherAllFacts(
  parts: Parts,
  memory: Pick<RotationMemory, 'selection'>,
  { object, cas, index }: Rotation,
): Promise<RotationFacts> {
  const { view, silentAfterMs, clock, store, podCertificates: followed } = parts;
  const { spec, status = {} } = object;
  const { direction } = stateOf(object);
  const pair = caPairOf(cas, direction);
  const selection = direction === 'Backward' ? undefined : await selectionOf(parts, memory, spec.selection);
  const facts = await gatherFacts({ view: view(), index, silentAfterMs, nowMs: clock.now() }, pair, {
    requiresServed: spec.requireServed ?? true,
    selection,
    isCovered: coverageOf(store, object),
    knownNodes: status.nodes ?? [],
  });
  if (followed === undefined) return facts;
  const podCertificates = await gatherPodCertificates(
    followed,
    { certificates: cas.certificates, pair },
    {
      ...{ spec: spec.podCertificates, status: status.podCertificates },
      ...{ redisNowMs: index.nowMs, localNowMs: clock.now() },
    },
  );
  return podCertificates === undefined ? facts : { ...facts, podCertificates };
}

async function selectionOf(
  { clock, selectVolumes }: Parts,
  memory: Pick<RotationMemory, 'selection'>,
  selection: RotationObject['spec']['selection'],
): Promise<VolumeCriterion | undefined> {
  if (selection === undefined) return undefined;
  const resolve = async (): Promise<VolumeCriterion> =>
    selectionCriterion(await selectVolumes(toSelectionRequest(selection)));
  return await memory.selection(clock.monotonic(), resolve);
}
