import type { Gauge } from 'prom-client';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { labelOf } from '../fleet-index/query/workload-criteria.ts';

/** Volumes with one value of a label; the value is empty for pods without the label. */
export interface LabelGroup {
  readonly label: string;
  readonly value: string;
  volumes: number;
  /** Failing, overdue or expired ones. */
  troubled: number;
  soonestMs: number;
}

/** Values of one label with their own series; the rest is "other". */
const maxNamed = 50;
const other = 'other';
const troubled: ReadonlySet<string> = new Set(['expired', 'failing', 'overdue']);

/** Counts volumes by the values of the chosen labels. */
export class LabelCounter {
  readonly #groups: ReadonlyMap<string, Map<string, LabelGroup>>;

  constructor(labels: readonly string[]) {
    this.#groups = new Map(labels.map((label) => [label, new Map<string, LabelGroup>()]));
  }

  count(volume: IndexedVolume, status: string): void {
    for (const [label, groups] of this.#groups) {
      const value = labelOf(volume, label) ?? '';
      let group = groups.get(value);
      if (group === undefined) groups.set(value, (group = noneOf(label, value)));
      add(group, { volumes: 1, troubled: troubled.has(status) ? 1 : 0, soonestMs: expiryOf(volume, status) });
    }
  }

  /** The largest groups of each label, those with problems first, and the sum of the others. */
  groups(): readonly LabelGroup[] {
    return [...this.#groups].flatMap(([label, groups]) => {
      const sorted = [...groups.values()].sort(
        (a, b) =>
          Math.sign(b.troubled) - Math.sign(a.troubled) || b.volumes - a.volumes || (a.value < b.value ? -1 : 1),
      );
      const rest = noneOf(label, other);
      for (const group of sorted.slice(maxNamed)) add(rest, group);
      return rest.volumes === 0 ? sorted : [...sorted.slice(0, maxNamed), rest];
    });
  }
}

const noneOf = (label: string, value: string): LabelGroup => ({
  label,
  value,
  volumes: 0,
  troubled: 0,
  soonestMs: Infinity,
});

const expiryOf = ({ certificate }: IndexedVolume, status: string): number =>
  certificate === undefined || status === 'expired' ? Infinity : certificate.notAfterMs;

function add(group: LabelGroup, { volumes, troubled: more, soonestMs }: Omit<LabelGroup, 'label' | 'value'>): void {
  group.volumes += volumes;
  group.troubled += more;
  group.soonestMs = Math.min(group.soonestMs, soonestMs);
}

type Register = (
  name: string,
  labels: readonly string[],
  help: string,
  show: (gauge: Gauge, index: { readonly labels?: readonly LabelGroup[] }) => void,
) => void;

/** Registers the gauges of volumes by the labels of their pods, so that alerts can name a team. */
export function labelGauges(gauge: Register): void {
  const rest =
    'The 50 largest values of each label, those with problems first, have their own series; the rest is "other".';
  gauge(
    'label_volumes',
    ['label', 'value', 'state'],
    `Volumes on nodes that are not silent by a chosen label of their pods: troubled if expired, failing or overdue, otherwise well. ${rest}`,
    (g, { labels = [] }) => {
      for (const { label, value, volumes, troubled: bad } of labels) {
        g.inc({ label, value, state: 'troubled' }, bad);
        g.inc({ label, value, state: 'well' }, volumes - bad);
      }
    },
  );
  gauge(
    'label_soonest_not_after_timestamp_seconds',
    ['label', 'value'],
    `Earliest not-after of the unexpired certificates with a chosen label. ${rest}`,
    (g, { labels = [] }) => {
      for (const { label, value, soonestMs } of labels)
        if (soonestMs !== Infinity) g.set({ label, value }, soonestMs / 1000);
    },
  );
}
