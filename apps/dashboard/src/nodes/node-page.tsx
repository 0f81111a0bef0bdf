import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { NodeDetail } from '@certfleet/operator-api/nodes.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { auditHref } from '../routing/route.ts';
import { RenewDialog } from '../renewals/renew-dialog.tsx';
import { ActionButton } from '../ui/action-button.tsx';
import { CopiedText } from '../ui/copied-text.tsx';
import { formatCount } from '../ui/count.ts';
import { FactList } from '../ui/fact-list.tsx';
import { Icon } from '../ui/icon.tsx';
import { Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { StateCountList } from '../ui/state-count-list.tsx';
import { agentPods } from '../volumes/kubectl-command.ts';
import { VolumeList } from '../volumes/volume-list.tsx';
import { NodeState } from './node-state.tsx';

export function NodePage({ node: name }: { readonly node: string }): JSX.Element {
  const { api } = useServices();
  const [renewing, setRenewing] = useState<'all' | 'failing' | undefined>(undefined);
  const node = useResource<NodeDetail>({
    key: `node:${name}`,
    load: (signal) => api.node(name, signal),
    kinds: ['nodes', 'volumes'],
    atLeastEveryMs: 5000,
  });
  const { data } = node;
  return (
    <>
      <PageHead
        title={name}
        parent={{ href: '/nodes', title: t.views.nodes }}
        aside={data && <NodeState node={data} />}
      >
        {data && data.byState.failing + data.byState.expired > 0 && (
          <ActionButton on={node} onClick={() => setRenewing('failing')}>
            {t.common.retryFailed}
          </ActionButton>
        )}
        {data && (
          <ActionButton on={node} onClick={() => setRenewing('all')}>
            {t.common.renewAll}
          </ActionButton>
        )}
      </PageHead>
      <Loaded resource={node}>
        {(detail) => (
          <>
            {detail.isSilent && <SilentNotice node={detail} />}
            <AgentFacts node={detail} />
            <StateCountList byState={detail.byState} filter={{ node: name }} />
            <VolumeList title={t.nodes.nextRenewals} filter={{ node: name }} />
          </>
        )}
      </Loaded>
      {renewing && (
        <RenewDialog
          selection={{ query: renewing === 'all' ? { node: name } : { node: name, state: 'failing,expired' } }}
          onClose={() => setRenewing(undefined)}
        />
      )}
    </>
  );
}

function AgentFacts({ node: detail }: { readonly node: NodeDetail }): JSX.Element {
  return (
    <FactList
      title={t.fields.agent}
      facts={[
        [t.fields.node, <CopiedText key="name" text={detail.node} label={t.ui.copy.nodeName} />],
        [t.fields.lastSeen, <RelativeTime key="seen" at={detail.lastSeen} />],
        [t.fields.version, detail.agentVersion],
        [t.nodes.connectedTo, detail.connectedTo],
        [t.fields.volumes, formatCount(detail.volumes)],
        [
          t.fields.audit,
          <a key="audit" href={auditHref({ target: detail.node })}>
            {t.nodes.audited}
          </a>,
        ],
        [t.nodes.queue, detail.waiting === undefined ? t.nodes.unknown : formatCount(detail.waiting)],
      ]}
    />
  );
}

function SilentNotice({ node: { node, volumes, lastSeen } }: { readonly node: NodeDetail }): JSX.Element {
  const command = agentPods(node);
  return (
    <div class="notice notice-warning">
      <Icon name="warning" />
      <div>
        <p>{t.nodes.silent({ since: <RelativeTime at={lastSeen} />, volumes })}</p>
        {command !== undefined && (
          <p class="dim">{t.nodes.check(<CopiedText text={command} label={t.ui.copy.command} />)}</p>
        )}
      </div>
    </div>
  );
}
