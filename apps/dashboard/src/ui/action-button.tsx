import type { ComponentChildren, JSX } from 'preact';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import type { Resource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';

/** What an action relies on. */
export type ActionBasis = Pick<Resource<unknown>, 'isCurrent' | 'confirmedAt'>;

/** Why an action is unavailable; undefined when it is available. No action may rely on data that is not current. */
export function useUnavailable(on: ActionBasis | readonly ActionBasis[], other?: string): string | undefined {
  const { session } = useServices();
  const state = useStore(session.state);
  if (state.name !== 'signed-in' || !state.session.rights.renew) return t.ui.noRenewRight;
  const bases = 'isCurrent' in on ? [on] : on;
  return bases.every(({ isCurrent }) => isCurrent) ? other : t.ui.notCurrent;
}

export interface ActionButtonProps {
  /** The data that the action relies on. */
  readonly on: ActionBasis | readonly ActionBasis[];
  readonly onClick: () => void;
  readonly children: ComponentChildren;
  readonly primary?: boolean;
  readonly quiet?: boolean;
  /** Why the action is unavailable; undefined when it is available. */
  readonly unavailable?: string | undefined;
}

/**
 * A button for an action. Without the right, or on data that is not current, the button stays focusable and shows the reason: a disabled button
 * explains nothing to keyboard and screen-reader users.
 */
export function ActionButton({ on, onClick, children, primary, quiet, unavailable }: ActionButtonProps): JSX.Element {
  const { toasts } = useServices();
  const reason = useUnavailable(on, unavailable);
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
