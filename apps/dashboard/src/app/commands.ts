import type { Services } from './services.ts';

/** An entry of the command palette. */
export interface PaletteCommand {
  readonly title: string;
  readonly run: () => void;
}

const views = [
  ['Overview', '/'],
  ['At risk', '/at-risk'],
  ['Expired and failing volumes', '/volumes?state=expired,failing'],
  ['Volumes', '/volumes'],
  ['Volumes by namespace', '/volumes?group=namespace'],
  ['Volumes by issuer', '/volumes?group=issuer'],
  ['Volumes by node', '/volumes?group=node'],
  ['Pod certificates', '/pod-certificates'],
  ['Denied and overdue pod certificates', '/pod-certificates?state=denied,failed,expired,overdue'],
  ['Lanes', '/lanes'],
  ['Nodes', '/nodes'],
  ['Silent nodes', '/nodes?state=silent'],
  ['CAs', '/cas'],
  ['Renewals', '/renewals'],
  ['CA rotations', '/rotations'],
  ['Audit log', '/audit'],
  ['Wall', '/wall'],
] as const;

/** The commands for a typed text: matching ones, and a search for the text itself. */
export function commandsFor({ router, times, theme }: Services, typed: string): readonly PaletteCommand[] {
  const text = typed.trim();
  const { zone, form } = times.chosen.value;
  const go = (href: string) => (): void => router.go(href);
  const settings: readonly PaletteCommand[] = [
    {
      title: zone === 'utc' ? 'Show times in local time' : 'Show times in UTC',
      run: () => times.choose({ zone: zone === 'utc' ? 'local' : 'utc' }),
    },
    {
      title: form === 'exact' ? 'Show times relative to now' : 'Show exact times',
      run: () => times.choose({ form: form === 'exact' ? 'relative' : 'exact' }),
    },
    ...(['system', 'light', 'dark'] as const).map((name) => ({
      title: `Theme: ${name === 'system' ? 'as the device' : name}`,
      run: () => theme.choose(name),
    })),
  ];
  const known = [...views.map(([title, href]) => ({ title: `Go to ${title}`, run: go(href) })), ...settings];
  const words = text.toLowerCase().split(/\s+/);
  const matching = known.filter(({ title }) => words.every((word) => title.toLowerCase().includes(word)));
  if (text === '') return matching;
  const query = (name: string): string => new URLSearchParams({ [name]: text }).toString();
  return [
    ...matching,
    { title: `Search volumes for “${text}”`, run: go(`/volumes?${query('search')}`) },
    { title: `Search lanes for “${text}”`, run: go(`/lanes?${query('search')}`) },
    { title: `Search the audit log for “${text}”`, run: go(`/audit?${query('target')}`) },
  ];
}
