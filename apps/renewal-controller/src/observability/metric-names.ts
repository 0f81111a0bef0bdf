/** Maximum number of issuers with their own series, to bound the labels. */
export const maxNamedIssuers = 50;
/** Issuer label of all others. */
export const otherIssuers = 'other';

/** Adds the common prefix to a metric's name. */
export function named(name: string, help: string): { readonly name: string; readonly help: string } {
  return { name: `certfleet_controller_${name}`, help };
}
