/** Issuers that have series of their own; all others are one more, so that labels are bounded. */
export const maxNamedIssuers = 50;
/** The label of those others. */
export const otherIssuers = 'other';

/** A metric's name and help as prom-client takes them. */
export function named(name: string, help: string): { readonly name: string; readonly help: string } {
  return { name: `certfleet_controller_${name}`, help };
}
