import { list } from './name-values.ts';
import { oneOf } from './scalar-values.ts';
import { checkedText } from './text-rule.ts';
import type { Parser } from './text-rule.ts';
import type { ReloadSignal } from './volume-spec.ts';

export const parseReloadSignal: Parser<ReloadSignal> = oneOf(['SIGHUP', 'SIGUSR1', 'SIGUSR2']);

const why = 'must be the name of a container: at most 63 lower-case letters, digits and "-"';

export const parseContainerNames = list(
  checkedText([
    { maxLength: 63, why },
    { matches: /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/, why },
  ]),
);
