import { list } from './name-values.ts';
import { oneOf } from './scalar-values.ts';
import { checkedText } from './text-rule.ts';

/** Signals that programs use to load their files again. None of them has another use that could do harm. */
export const reloadSignals = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
export type ReloadSignal = (typeof reloadSignals)[number];

export const parseReloadSignal = oneOf(reloadSignals);

const why = 'must be the name of a container: at most 63 lower-case letters, digits and "-"';

export const parseContainerNames = list(
  checkedText([
    { maxLength: 63, why },
    { matches: /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/, why },
  ]),
);
