// Arguments of the commands that the page offers to copy. Names in reports come from nodes, and a hostile node may choose
// them: what an operator pastes must be one argument, and no flag such as `--server`.

/** Quoted for a POSIX shell if needed. */
export function shellQuoted(text: string): string {
  return /^[\w.,:/@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Whether a text can be the name of a Kubernetes object (RFC 1123), which no shell and no command interprets. */
export const isObjectName = (text: string): boolean => /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(text);
