import type { JSX } from 'preact';
import type { PodCertificate, PodCertificatePage } from '@certfleet/operator-api/pod-certificates.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { podCertificateColumns } from '../pod-certificates/pod-certificate-columns.tsx';
import { PodCertificateRisk } from '../pod-certificates/pod-certificate-risk.tsx';
import { podCertificateSections } from '../pod-certificates/pod-certificate-risks.ts';
import { DataTable } from '../ui/data-table.tsx';
import type { Column } from '../ui/data-table.tsx';
import { Icon } from '../ui/icon.tsx';
import { Loaded } from '../ui/notice.tsx';
import { RunbookAdvice } from '../ui/risk-advice.tsx';
import { apiFilter } from '../volumes/volumes-view.ts';
import type { VolumesView } from '../volumes/volumes-view.ts';

const texts = t.podCertificates.atRisk;

/** The filters that volumes and pod certificates have in common. */
const commonFilters: readonly string[] = ['search', 'namespace', 'pod', 'node', 'expiresBefore'];

/** The pod certificates at risk that match the filters of the view; nothing if the controller does not follow any. */
export function PodCertificatesAtRisk({ view }: { readonly view: VolumesView }): JSX.Element | null {
  const { session } = useServices();
  const state = useStore(session.state);
  if (state.name !== 'signed-in' || state.session.showsPodCertificates !== true) return null;
  const isForVolumes =
    view.group !== undefined ||
    view.states.length > 0 ||
    Object.keys(view.filters).some((name) => !commonFilters.includes(name));
  return (
    <section aria-labelledby="pod-certificates-at-risk">
      <h2 id="pod-certificates-at-risk">{texts.title}</h2>
      {isForVolumes ? (
        <p class="dim">{texts.forVolumes(<a href="/pod-certificates?risk=any">{texts.showAll}</a>)}</p>
      ) : (
        <Rows view={view} />
      )}
    </section>
  );
}

const pageSize = 100;

function Rows({ view }: { readonly view: VolumesView }): JSX.Element {
  const { api, serverClock } = useServices();
  const queryAt = (nowMs: number): URLSearchParams =>
    new URLSearchParams({ ...apiFilter(view, nowMs), risk: 'any', sort: 'expires', limit: String(pageSize) });
  const page = useResource<PodCertificatePage>({
    key: `pod-certificates-at-risk:${queryAt(0).toString()}`,
    load: (signal) => api.podCertificates(queryAt(serverClock.now()), signal),
    kinds: ['pod-certificates'],
    // States change with time too.
    atLeastEveryMs: 15_000,
  });
  return (
    <Loaded resource={page} keepsPrevious>
      {({ certificates, total, byState, following, problem }) => (
        <>
          {following !== 'current' && (
            <div class="notice" role="status">
              <Icon name="warning" />
              <p>{t.podCertificates.outdated(problem ?? texts.notLoaded)}</p>
            </div>
          )}
          {certificates.length === 0 ? (
            following === 'current' && <p class="dim">{texts.none}</p>
          ) : (
            <DataTable
              caption={texts.title}
              columns={columns}
              rows={certificates}
              keyOf={({ id }) => id}
              isBusy={page.data === undefined}
            />
          )}
          {total > certificates.length && (
            <p>
              <a href="/pod-certificates?risk=any">{texts.more(total - certificates.length)}</a>
            </p>
          )}
          {byState.unknown > 0 && (
            <p class="dim">
              {texts.unknown({
                count: byState.unknown,
                link: (text) => <a href="/pod-certificates?state=unknown">{text}</a>,
              })}
            </p>
          )}
        </>
      )}
    </Loaded>
  );
}

const shownColumns: readonly string[] = ['namespace', 'pod', 'signer', 'expires', 'node'];

const columns: readonly Column<PodCertificate>[] = [
  ...podCertificateColumns(() => undefined)
    .filter(({ name }) => shownColumns.includes(name))
    .map((column) => ({ ...column, isSortable: false })),
  {
    name: 'risk',
    title: t.fields.reason,
    cell: (certificate) => <PodCertificateRisk certificate={certificate} />,
  },
  {
    name: 'advice',
    title: t.common.whatToDo,
    cell: ({ risk }) =>
      risk && (
        <RunbookAdvice
          advice={t.podCertificates.risks[risk.reason].advice}
          section={podCertificateSections[risk.reason]}
        />
      ),
  },
];
