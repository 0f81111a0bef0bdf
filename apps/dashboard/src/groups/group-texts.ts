import { t } from '../messages/messages.ts';
import type { RiskReason } from '../ui/risk-reasons.ts';
import type { GroupKey } from '../volumes/volumes-view.ts';

type LabelKey = Extract<GroupKey, `label:${string}`>;
type Property = Exclude<GroupKey, LabelKey>;

export const isLabel = (by: GroupKey): by is LabelKey => by.startsWith('label:');
export const labelOf = (by: LabelKey): string => by.slice('label:'.length);

const titles: Readonly<Record<Property, string>> = {
  namespace: t.fields.namespace,
  workload: t.fields.workload,
  issuer: t.fields.issuer,
  node: t.fields.node,
  ca: t.fields.ca,
  state: t.fields.state,
  risk: t.fields.risk,
};

/** The title of a property; a label is its own title. */
export const groupTitle = (by: GroupKey): string => (isLabel(by) ? labelOf(by) : titles[by]);

export const groupCaption = (by: GroupKey): string =>
  isLabel(by) ? t.groups.captionOfLabel(labelOf(by)) : t.groups.captions[by];

/** What volumes without a value have in common. */
const noValues: Readonly<Partial<Record<GroupKey, string>>> = {
  ca: t.groups.noCa,
  risk: t.groups.noRisk,
  workload: t.groups.noWorkload,
};

/** The name of a group, from the value that its volumes have in common. */
export function groupName(by: GroupKey, value: string): string {
  if (value === '') return noValues[by] ?? t.groups.noValue;
  if (by === 'state') return t.states[value as keyof typeof t.states];
  return by === 'risk' ? t.risk.reasons[value as RiskReason].title : value;
}
