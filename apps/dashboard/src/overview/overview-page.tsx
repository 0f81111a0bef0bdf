import type { JSX } from 'preact';
import type { Summary } from '@certfleet/operator-api/summary.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { ProposedRotations } from '../rotations/proposed-rotations.tsx';
import { VerdictBanner } from '../verdict/verdict-banner.tsx';
import { AttentionList } from './attention-list.tsx';
import { ExpiryChart } from './expiry-chart.tsx';
import { FleetFacts } from './fleet-facts.tsx';
import { PosturePanel } from './posture-panel.tsx';
import { BusyLanes } from './busy-lanes.tsx';
import { TimelinePanel } from './timeline-panel.tsx';

/** An overview of expiring certificates, queued renewals and failures. */
export function OverviewPage(): JSX.Element {
  const { api } = useServices();
  const summary = useResource<Summary>({
    key: 'summary',
    load: (signal) => api.summary(signal),
    kinds: ['volumes', 'nodes', 'lanes', 'renewals', 'pod-certificates'],
  });
  const timeline = useResource({
    key: 'timeline',
    load: (signal) => api.timeline(signal),
    kinds: ['volumes'],
  });
  return (
    <>
      <PageHead title={t.views.overview} />
      <VerdictBanner />
      <ProposedRotations />
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
      <Loaded resource={timeline}>
        {(data) => (
          <div class="panels">
            <TimelinePanel timeline={data} />
            <ExpiryChart expiry={data.expiry} />
          </div>
        )}
      </Loaded>
      <BusyLanes />
    </>
  );
}
