import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { useServices } from '../app/services.ts';
import type { Resource } from '../live/use-resource.ts';
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
      title="Replace this CA"
      action="Start the rotation"
      asksReason
      reasonHint="Shown with the progress and recorded in the audit log"
      onConfirm={start}
      onClose={onClose}
    >
      <p>
        All volumes with a certificate of the CA <span class="mono wrap">{from}</span> get one of the new CA, phase by
        phase. Switch the issuer when the rotation asks for it.
      </p>
      <label class="stacked">
        New CA: its certificates in PEM, or its SHA-256 if volumes have it
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
        Ask for an approval before the old root leaves the CA files
      </label>
    </ConfirmDialog>
  );
}
