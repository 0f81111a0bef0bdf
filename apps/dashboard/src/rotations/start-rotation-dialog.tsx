import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { useServices } from '../app/services.ts';
import type { Resource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';

interface StartRotationDialogProps {
  readonly on: Resource<unknown>;
  /** SHA-256 of the CA that is replaced. */
  readonly from: string;
  readonly onClose: () => void;
}

/** Asks for the new CA, then starts the rotation and shows it. */
export function StartRotationDialog({ on, from, onClose }: StartRotationDialogProps): JSX.Element {
  const { api, router } = useServices();
  const [to, setTo] = useState('');
  const [holds, setHolds] = useState(true);
  const start = async (reason: string): Promise<void> => {
    await api.startRotation({ from, to: to.trim(), reason, ...(holds && { holdBefore: ['Retire'] }) });
    router.go('/rotations');
  };
  return (
    <ConfirmDialog
      on={on}
      title={t.rotations.dialog.title}
      action={t.rotations.dialog.action}
      asksReason
      reasonHint={t.common.reasonHint}
      onConfirm={start}
      onClose={onClose}
    >
      <p>{t.rotations.dialog.text(<span class="mono wrap">{from}</span>)}</p>
      <label class="stacked">
        {t.rotations.dialog.newCa}
        <textarea
          required
          rows={6}
          spellcheck={false}
          maxLength={65_536}
          value={to}
          onInput={(event) => setTo(event.currentTarget.value)}
        />
      </label>
      <label class="inline">
        <input type="checkbox" checked={holds} onChange={(event) => setHolds(event.currentTarget.checked)} />
        {t.rotations.dialog.holds}
      </label>
    </ConfirmDialog>
  );
}
