import { t } from '../messages/messages.ts';
import type { Services } from './services.ts';

/** An entry of the command palette. */
export interface PaletteCommand {
  readonly title: string;
  readonly run: () => void;
}

const { palette } = t.app;

const views = [
  [t.views.overview, '/'],
  [t.views.atRisk, '/at-risk'],
  [palette.expiredVolumes, '/volumes?state=expired,failing'],
  [t.views.volumes, '/volumes'],
  [palette.volumesByNamespace, '/volumes?group=namespace'],
  [palette.volumesByIssuer, '/volumes?group=issuer'],
  [palette.volumesByNode, '/volumes?group=node'],
  [t.views.podCertificates, '/pod-certificates'],
  [palette.deniedPodCertificates, '/pod-certificates?state=denied,failed,expired,overdue'],
  [t.views.lanes, '/lanes'],
  [t.views.nodes, '/nodes'],
  [palette.silentNodes, '/nodes?state=silent'],
  [t.views.cas, '/cas'],
  [t.views.renewals, '/renewals'],
  [t.views.caRotations, '/rotations'],
  [t.views.auditLog, '/audit'],
  [t.views.wall, '/wall'],
] as const;

/** The commands for a typed text: matching ones, and a search for the text itself. */
export function commandsFor({ router, times, theme }: Services, typed: string): readonly PaletteCommand[] {
  const text = typed.trim();
  const { zone, form } = times.chosen.value;
  const go = (href: string) => (): void => router.go(href);
  const settings: readonly PaletteCommand[] = [
    {
      title: zone === 'utc' ? palette.localTime : palette.utc,
      run: () => times.choose({ zone: zone === 'utc' ? 'local' : 'utc' }),
    },
    {
      title: form === 'exact' ? palette.relative : palette.exact,
      run: () => times.choose({ form: form === 'exact' ? 'relative' : 'exact' }),
    },
    ...(['system', 'light', 'dark'] as const).map((name) => ({
      title: palette.theme[name],
      run: () => theme.choose(name),
    })),
  ];
  const known = [...views.map(([title, href]) => ({ title: palette.goTo(title), run: go(href) })), ...settings];
  const words = text.toLowerCase().split(/\s+/);
  const matching = known.filter(({ title }) => words.every((word) => title.toLowerCase().includes(word)));
  if (text === '') return matching;
  const query = (name: string): string => new URLSearchParams({ [name]: text }).toString();
  return [
    ...matching,
    { title: palette.searchVolumes(text), run: go(`/volumes?${query('search')}`) },
    { title: palette.searchLanes(text), run: go(`/lanes?${query('search')}`) },
    { title: palette.searchAudit(text), run: go(`/audit?${query('target')}`) },
  ];
}
