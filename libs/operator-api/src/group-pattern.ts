import { groupKeys } from './vocabulary.ts';

const labelKey = '[A-Za-z0-9][A-Za-z0-9./_-]{0,316}';

/** One or more `key=value`, separated by commas. */
export const labelPattern = `^${labelKey}=[A-Za-z0-9._*-]{1,128}(, ?${labelKey}=[A-Za-z0-9._*-]{1,128})*$`;

/** A property by which volumes are grouped; `label:` precedes the key of a label. */
export const groupPattern = `^(${groupKeys.join('|')}|label:${labelKey})$`;
