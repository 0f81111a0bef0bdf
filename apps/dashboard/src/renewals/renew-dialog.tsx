import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { RenewalPreview, RenewalRequest } from '@certfleet/operator-api/renewals.ts';
import { useServices } from '../app/services.ts';
import { counted, formatCount } from '../ui/count.ts';
import { issuerParts } from '../ui/issuer-name.tsx';
import { Modal } from '../ui/modal.tsx';
import { Failed, Loading } from '../ui/notice.tsx';

export interface RenewDialogProps {
  /** An empty selection means the whole fleet. */
  readonly selection: RenewalRequest['selection'];
  readonly onClose: () => void;
  readonly onRenewed?: () => void;
}

interface Renewal {
  readonly preview: RenewalPreview | undefined;
  readonly error: CertfleetError | undefined;
  readonly isSending: boolean;
  /** Whether the whole fleet is selected. */
  readonly everything: boolean;
  readonly renew: (reason: string, ignoreWindows: boolean) => Promise<void>;
}

/** The preview of a renewal, and how to have it done. */
function useRenewal({ selection, onClose, onRenewed }: RenewDialogProps): Renewal {
  const { api, toasts } = useServices();
  const [preview, setPreview] = useState<RenewalPreview | undefined>(undefined);
  const [error, setError] = useState<CertfleetError | undefined>(undefined);
  const [isSending, setSending] = useState(false);
  const everything = Object.keys(selection).length === 0;
  useEffect(() => {
    const abort = new AbortController();
    api
      .previewRenewal({ selection, reason: 'dry run', everything }, abort.signal)
      .then(setPreview)
      .catch((thrown: unknown) => abort.signal.aborted || setError(asCertfleetError(thrown)));
    return () => abort.abort();
  }, []);
  const renew = async (reason: string, ignoreWindows: boolean): Promise<void> => {
    setSending(true);
    setError(undefined);
    try {
      const { id, total } = await api.renew({ selection, reason, ignoreWindows, everything });
      const link = { href: `/renewals?id=${encodeURIComponent(id)}`, text: 'Show progress' };
      toasts.say({ tone: 'done', text: `${counted(total, 'renewal')} requested.`, link });
      onRenewed?.();
      onClose();
    } catch (thrown) {
      setError(asCertfleetError(thrown));
      setSending(false);
    }
  };
  return { preview, error, isSending, everything, renew };
}

/** Shows the number of affected volumes, asks for a reason, then requests the renewal. */
export function RenewDialog(props: RenewDialogProps): JSX.Element {
  const { preview, error, isSending, everything, renew } = useRenewal(props);
  const [reason, setReason] = useState('');
  const [ignoreWindows, setIgnoreWindows] = useState(false);
  const canRenew = preview !== undefined && preview.count > 0 && reason.trim() !== '' && !isSending;
  return (
    <Modal title={everything ? 'Renew the whole fleet' : 'Renew now'} onClose={props.onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (canRenew) void renew(reason.trim(), ignoreWindows);
        }}
      >
        {error && <Failed error={error} />}
        {preview === undefined ? !error && <Loading /> : <Preview preview={preview} />}
        <label class="stacked">
          Reason
          <input
            type="text"
            required
            maxLength={512}
            value={reason}
            placeholder="Shown with the progress and recorded in the audit log"
            autoFocus
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        <label class="inline">
          <input
            type="checkbox"
            checked={ignoreWindows}
            onChange={(event) => setIgnoreWindows(event.currentTarget.checked)}
          />
          Ignore renewal windows
        </label>
        <p class="dim small">Each issuer’s rate limit and limit in flight still apply; a paused lane stays paused.</p>
        <div class="dialog-actions">
          <button type="button" onClick={props.onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={!canRenew}>
            {preview === undefined ? 'Renew' : `Renew ${counted(preview.count, 'volume')}`}
          </button>
        </div>
      </form>
    </Modal>
  );
}

const shownRows = 4;

function Preview({ preview: { count, skipped, byIssuer, byNode } }: { readonly preview: RenewalPreview }): JSX.Element {
  if (count === 0) {
    return (
      <p>
        Nothing to renew:{' '}
        {skipped === 0 ? 'no volume matches.' : `${counted(skipped, 'volume')} without a certificate.`}
      </p>
    );
  }
  return (
    <div class="preview" aria-live="polite">
      <p>
        <strong class="big">{formatCount(count)}</strong> {count === 1 ? 'volume' : 'volumes'} on{' '}
        {counted(byNode.length, 'node')}
        {skipped > 0 && <span class="dim">; {formatCount(skipped)} without a certificate are skipped</span>}
      </p>
      <ul class="tally">
        {byIssuer.slice(0, shownRows).map(({ value, count: of }) => (
          <li key={value} title={value}>
            <span>{issuerParts(value).name}</span>
            <span class="number">{formatCount(of)}</span>
          </li>
        ))}
        {byIssuer.length > shownRows && <li class="dim">and {counted(byIssuer.length - shownRows, 'issuer')} more</li>}
      </ul>
    </div>
  );
}
