import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import { t } from '../messages/messages.ts';
import { useUnavailable } from './action-button.tsx';
import type { ActionBasis } from './action-button.tsx';
import { Modal } from './modal.tsx';
import { Failed } from './notice.tsx';

export interface ConfirmDialogProps {
  /** The data that the action relies on. */
  readonly on: ActionBasis;
  readonly title: string;
  /** The consequences of the action. */
  readonly children: ComponentChildren;
  readonly action: string;
  /** Whether a reason is required. */
  readonly asksReason?: boolean;
  /** Where the reason is shown. */
  readonly reasonHint?: string;
  readonly onConfirm: (reason: string) => Promise<unknown>;
  readonly onClose: () => void;
}

/** Shows the consequences and asks for confirmation. */
export function ConfirmDialog(props: ConfirmDialogProps): JSX.Element {
  const { on, title, children, action, asksReason = false, onConfirm, onClose } = props;
  const { reasonHint = t.ui.reasonHint } = props;
  const unavailable = useUnavailable(on);
  const [reason, setReason] = useState('');
  const [error, setError] = useState<CertfleetError | undefined>(undefined);
  const [isSending, setSending] = useState(false);
  const confirm = async (): Promise<void> => {
    setSending(true);
    try {
      await onConfirm(reason.trim());
      onClose();
    } catch (thrown) {
      setError(asCertfleetError(thrown));
      setSending(false);
    }
  };
  const isReady = !isSending && unavailable === undefined && (!asksReason || reason.trim() !== '');
  return (
    <Modal title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) void confirm();
        }}
      >
        {error && <Failed error={error} />}
        {children}
        {asksReason && (
          <label class="stacked">
            {t.common.reason}
            <input
              type="text"
              required
              autoFocus
              maxLength={512}
              value={reason}
              placeholder={reasonHint}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </label>
        )}
        {unavailable !== undefined && <p class="bad small">{unavailable}</p>}
        <div class="dialog-actions">
          <button type="button" onClick={onClose}>
            {t.common.cancel}
          </button>
          <button type="submit" class="primary" disabled={!isReady}>
            {isSending ? t.ui.sending : action}
          </button>
        </div>
      </form>
    </Modal>
  );
}
