import type { ComponentChildren, JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';

export const noRenewRight =
  'You have read access only: this needs the verb renew on volumes.certfleet.io. Ask your cluster administrator for it.';

export interface ActionButtonProps {
  readonly onClick: () => void;
  readonly children: ComponentChildren;
  readonly primary?: boolean;
  readonly quiet?: boolean;
  /** Why the action is unavailable; undefined when it is available. */
  readonly unavailable?: string | undefined;
}

/**
 * A button for an action. Without the right, the button stays focusable and shows the reason: a disabled button
 * explains nothing to keyboard and screen-reader users.
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
