import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Rotations } from '@certfleet/operator-api/rotations.ts';
import type { Summary } from '@certfleet/operator-api/summary.ts';
import type { Timeline } from '@certfleet/operator-api/timeline.ts';
import { useServices } from '../app/services.ts';
import { isSettled, useResource } from '../live/use-resource.ts';
import type { Resource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { ProposedRotations } from '../rotations/proposed-rotations.tsx';
import { Loaded, Loading } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { VerdictBanner } from '../verdict/verdict-banner.tsx';
import { AttentionList } from './attention-list.tsx';
import { BusyLanes } from './busy-lanes.tsx';
import { ExpiryChart } from './expiry-chart.tsx';
import { FleetFacts } from './fleet-facts.tsx';
import { PosturePanel } from './posture-panel.tsx';
import { TimelinePanel } from './timeline-panel.tsx';

/**
 * An overview of expiring certificates, queued renewals and failures. Its parts load at once and appear from top to
 * bottom, so that nothing moves that the operator already reads.
 */
export function OverviewPage(): JSX.Element {
  const [hasRotations, setRotations] = useState(false);
  const [hasSummary, setSummary] = useState(false);
  const [hasTimeline, setTimeline] = useState(false);
  const isStarted = hasRotations && hasSummary;
  return (
    <>
      <PageHead title={t.views.overview} />
      <VerdictBanner />
      <RotationsPart isShown={isStarted} onSettled={() => setRotations(true)} />
      <SummaryPart isShown={isStarted} onSettled={() => setSummary(true)} />
      {!isStarted && <Loading />}
      <TimelinePart isShown={isStarted} onSettled={() => setTimeline(true)} />
      {isStarted && hasTimeline && <BusyLanes />}
    </>
  );
}

/** Each part has its own data, so that a change renders no other part. */
interface PartProps {
  readonly isShown: boolean;
  /** Its data was loaded, or could not be. */
  readonly onSettled: () => void;
}

function useSettled(resource: Resource<unknown>, onSettled: () => void): void {
  const settled = isSettled(resource);
  useEffect(() => {
    if (settled) onSettled();
  }, [settled]);
}

function RotationsPart({ isShown, onSettled }: PartProps): JSX.Element | null {
  const { api } = useServices();
  const rotations = useResource<Rotations>({
    key: 'rotations',
    load: (signal) => api.rotations(signal),
    kinds: ['rotations'],
  });
  useSettled(rotations, onSettled);
  return isShown ? <ProposedRotations rotations={rotations} /> : null;
}

function SummaryPart({ isShown, onSettled }: PartProps): JSX.Element | null {
  const { api } = useServices();
  const summary = useResource<Summary>({
    key: 'summary',
    load: (signal) => api.summary(signal),
    kinds: ['volumes', 'nodes', 'lanes', 'renewals', 'pod-certificates'],
    // Only while changes follow each other: the first one is shown at once. Halves what an open page costs the controller.
    atMostEveryMs: 2_000,
  });
  useSettled(summary, onSettled);
  if (!isShown) return null;
  return (
    <Loaded resource={summary}>
      {(data) => (
        <>
          <FleetFacts summary={data} isCurrent={summary.isCurrent} />
          <AttentionList summary={data} on={summary} />
          {/* A controller of an earlier release sends none. */}
          <PosturePanel posture={(data as Partial<Summary>).posture} />
        </>
      )}
    </Loaded>
  );
}

function TimelinePart({ isShown, onSettled }: PartProps): JSX.Element | null {
  const { api } = useServices();
  const timeline = useResource<Timeline>({
    key: 'timeline',
    load: (signal) => api.timeline(signal),
    kinds: ['volumes'],
    // Spans of an hour do not change visibly within seconds, and each open page costs the controller CPU.
    atMostEveryMs: 5_000,
  });
  useSettled(timeline, onSettled);
  if (!isShown) return null;
  return (
    <Loaded resource={timeline}>
      {(data) => (
        <div class="panels">
          <TimelinePanel timeline={data} />
          <ExpiryChart expiry={data.expiry} />
        </div>
      )}
    </Loaded>
  );
}
