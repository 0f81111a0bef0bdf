import type { ComponentChildren, JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';

/** Why actions are not for this person. */
export const noRenewRight =
  'You may look, not act: this needs the verb renew on volumes.certfleet.io. Ask whoever grants roles in the cluster.';

/** What a button that changes something is given. */
export interface ActionButtonProps {
  readonly onClick: () => void;
  readonly children: ComponentChildren;
  readonly primary?: boolean;
  readonly quiet?: boolean;
  /** Why it cannot be done now; undefined when it can. */
  readonly unavailable?: string | undefined;
}

/**
 * A button that changes something. For who may not, it can still be reached, and says why: a button that is merely
 * disabled says nothing to a keyboard or a screen reader.
 */
export function ActionButton({ onClick, children, primary, quiet, unavailable }: ActionButtonProps): JSX.Element {
  const { session, toasts } = useServices();
  const state = useStore(session.state);
  const mayRenew = state.name === 'signed-in' && state.session.rights.renew;
  const reason = mayRenew ? unavailable : noRenewRight;
  const act = (): void => (reason === undefined ? onClick() : toasts.say({ tone: 'refused', text: reason }));
  return (
    <button
      type="button"
      class={primary ? 'primary' : quiet ? 'quiet' : undefined}
      aria-disabled={reason !== undefined}
      title={reason}
      onClick={act}
    >
      {children}
    </button>
  );
}
