import { useRef, useState } from 'preact/hooks';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { RenewalPreview, RenewalRequest } from '@certfleet/operator-api/renewals.ts';
import { useServices } from '../app/services.ts';
import { useResource } from '../live/use-resource.ts';
import type { Resource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { renewalHref } from '../routing/route.ts';

export interface RenewalOptions {
  /** An empty selection means the whole fleet. */
  readonly selection: RenewalRequest['selection'];
  readonly onClose: () => void;
  readonly onRenewed?: (() => void) | undefined;
}

export interface RenewalSending {
  readonly preview: Resource<RenewalPreview>;
  readonly error: CertfleetError | undefined;
  readonly isSending: boolean;
  /** The request was sent without an answer: only the same request may be sent again. */
  readonly isUnanswered: boolean;
  /** Whether the whole fleet is selected. */
  readonly everything: boolean;
  /** Renews the volumes of a preview. */
  readonly renew: (preview: RenewalPreview, wish: RenewalWish) => Promise<void>;
}

/** What the operator enters. */
export type RenewalWish = Pick<RenewalRequest, 'reason' | 'ignoreWindows' | 'canary' | 'stopAfterFailures'>;

/** The preview of a renewal, and its request, which names the preview that was confirmed. */
export function useRenewal({ selection, onClose, onRenewed }: RenewalOptions): RenewalSending {
  const { api, toasts } = useServices();
  const [error, setError] = useState<CertfleetError | undefined>(undefined);
  const [isSending, setSending] = useState(false);
  const requestId = useRef(randomId());
  const unanswered = useRef<RenewalRequest | undefined>(undefined);
  const everything = Object.keys(selection).length === 0;
  const preview = useResource<RenewalPreview>({
    key: `preview:${JSON.stringify(selection)}`,
    load: (signal) => api.previewRenewal({ selection, reason: 'dry run', everything }, signal),
    kinds: [],
  });
  const renew = async ({ token, count }: RenewalPreview, wish: RenewalWish): Promise<void> => {
    setSending(true);
    setError(undefined);
    const request = { ...wish, selection, everything, token, requestId: requestId.current };
    unanswered.current ??= request;
    try {
      const { id, total } = await api.renew(unanswered.current);
      const link = { href: renewalHref(id), text: t.renewals.dialog.showProgress };
      toasts.say({ tone: 'done', text: requestedText(total, count - total), link });
      onRenewed?.();
      onClose();
    } catch (thrown) {
      const failure = asCertfleetError(thrown);
      if (!isUnknown(failure)) unanswered.current = undefined;
      setError(failure);
      setSending(false);
      preview.refresh();
    }
  };
  return { preview, error, isSending, isUnanswered: unanswered.current !== undefined && !isSending, everything, renew };
}

function requestedText(renewals: number, less: number): string {
  const { requested, requestedLess } = t.renewals.dialog;
  return less > 0 ? requestedLess({ renewals, less }) : requested(renewals);
}

/** Without an answer the server may have acted. */
const isUnknown = ({ code }: CertfleetError): boolean => code === 'unavailable' || code === 'deadline-exceeded';

/** `crypto.randomUUID` exists only in a secure context. */
function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
