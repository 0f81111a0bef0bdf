import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { RenewalPreview } from '@certfleet/operator-api/renewals.ts';
import { useUnavailable } from '../ui/action-button.tsx';
import { counted, formatCount } from '../ui/count.ts';
import { issuerParts } from '../ui/issuer-name.tsx';
import { Modal } from '../ui/modal.tsx';
import { Failed, Loaded } from '../ui/notice.tsx';
import { useRenewal } from './use-renewal.ts';
import type { RenewalOptions, RenewalWish } from './use-renewal.ts';

/** From this number of volumes the number must be typed. */
const large = 1000;

/** Shows the affected volumes, asks for a reason, then requests the renewal of exactly these. */
export function RenewDialog(props: RenewalOptions): JSX.Element {
  const { preview, error, isSending, isUnanswered, everything, renew } = useRenewal(props);
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const [options, setOptions] = useState<Options>({ ignoreWindows: false, canary: '', stopAfter: '' });
  const unavailable = useUnavailable(preview);
  const { data } = preview;
  const count = data?.count ?? 0;
  const isFilled = isConfirmed(count, typed) && reason.trim() !== '' && isUsable(options);
  const canRenew = !isSending && (isUnanswered || (isFilled && unavailable === undefined));
  return (
    <Modal title={everything ? 'Renew the whole fleet' : 'Renew now'} onClose={props.onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (canRenew && data !== undefined) void renew(data, wishOf(reason, options));
        }}
      >
        {error && <Failed error={error} />}
        <Loaded resource={preview}>{(found) => <Preview preview={found} />}</Loaded>
        <label class="stacked">
          Reason
          <input
            type="text"
            required
            maxLength={512}
            value={reason}
            disabled={isUnanswered}
            placeholder="Shown with the progress and recorded in the audit log"
            autoFocus
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        {count >= large && <TypedCount count={count} value={typed} onType={setTyped} />}
        <OptionFields options={options} isFixed={isUnanswered} onChange={setOptions} />
        <div class="dialog-actions">
          <button type="button" onClick={props.onClose}>
            {isUnanswered ? 'Close' : 'Cancel'}
          </button>
          <button type="submit" class="primary" disabled={!canRenew}>
            {submitText(data, { isSending, isUnanswered })}
          </button>
        </div>
      </form>
    </Modal>
  );
}

function submitText(
  preview: RenewalPreview | undefined,
  { isSending, isUnanswered }: { readonly isSending: boolean; readonly isUnanswered: boolean },
): string {
  if (isSending) return 'Requesting…';
  // The controller starts a request with the same id only once.
  if (isUnanswered) return 'Send the same request again';
  return preview === undefined ? 'Renew' : `Renew ${counted(preview.count, 'volume')}`;
}

interface Options {
  readonly ignoreWindows: boolean;
  /** Numbers as they are typed; empty: no limit. */
  readonly canary: string;
  readonly stopAfter: string;
}

interface OptionFieldsProps {
  readonly options: Options;
  readonly isFixed: boolean;
  readonly onChange: (options: Options) => void;
}

function OptionFields({ options, isFixed, onChange }: OptionFieldsProps): JSX.Element {
  return (
    <>
      <Limit
        title="Canary: renew only this many volumes first, then wait for an approval"
        value={options.canary}
        isFixed={isFixed}
        onType={(canary) => onChange({ ...options, canary })}
      />
      <Limit
        title="Stop after this many failed attempts"
        value={options.stopAfter}
        isFixed={isFixed}
        onType={(stopAfter) => onChange({ ...options, stopAfter })}
      />
      <label class="inline">
        <input
          type="checkbox"
          checked={options.ignoreWindows}
          disabled={isFixed}
          onChange={(event) => onChange({ ...options, ignoreWindows: event.currentTarget.checked })}
        />
        Ignore renewal windows
      </label>
      <p class="dim small">Each issuer’s rate limit and limit in flight still apply; a paused lane stays paused.</p>
    </>
  );
}

interface LimitProps {
  readonly title: string;
  readonly value: string;
  readonly isFixed: boolean;
  readonly onType: (text: string) => void;
}

/** An optional number of at least one. */
function Limit({ title, value, isFixed, onType }: LimitProps): JSX.Element {
  return (
    <label class="stacked">
      {title}
      <input
        type="text"
        inputMode="numeric"
        autocomplete="off"
        placeholder="Optional"
        value={value}
        disabled={isFixed}
        aria-invalid={limitOf(value) === null}
        onInput={(event) => onType(event.currentTarget.value)}
      />
    </label>
  );
}

/** Undefined without text, null for an unusable one. */
function limitOf(text: string): number | undefined | null {
  if (text.trim() === '') return undefined;
  return /^[1-9]\d{0,3}$/.test(text.trim()) ? Number(text) : null;
}

const isUsable = ({ canary, stopAfter }: Options): boolean => limitOf(canary) !== null && limitOf(stopAfter) !== null;

function wishOf(reason: string, { ignoreWindows, canary, stopAfter }: Options): RenewalWish {
  const [first, most] = [limitOf(canary), limitOf(stopAfter)];
  return {
    ...{ reason: reason.trim(), ignoreWindows },
    ...(first && { canary: first }),
    ...(most && { stopAfterFailures: most }),
  };
}

interface TypedCountProps {
  readonly count: number;
  readonly value: string;
  readonly onType: (text: string) => void;
}

/** A large renewal is not confirmed by habit. */
function TypedCount({ count, value, onType }: TypedCountProps): JSX.Element {
  return (
    <label class="stacked">
      Type the number of volumes, {formatCount(count)}, to confirm
      <input
        type="text"
        inputMode="numeric"
        autocomplete="off"
        value={value}
        onInput={(event) => onType(event.currentTarget.value)}
      />
    </label>
  );
}

const isConfirmed = (count: number, typed: string): boolean =>
  count > 0 && (count < large || typed.replace(/\D/g, '') === String(count));

const shownRows = 4;
/** More volumes are listed only on request. */
const listedAtOnce = 6;

function Preview({ preview }: { readonly preview: RenewalPreview }): JSX.Element {
  const { count, skipped, nodes, issuers, byIssuer, volumes } = preview;
  if (count === 0) {
    return (
      <p>
        Nothing to renew:{' '}
        {skipped === 0 ? 'no volume matches.' : `${counted(skipped, 'volume')} without a certificate.`}
      </p>
    );
  }
  const rows = byIssuer.slice(0, shownRows);
  return (
    <div class="preview" aria-live="polite">
      <p>
        <strong class="big">{formatCount(count)}</strong> {count === 1 ? 'volume' : 'volumes'} of{' '}
        {counted(issuers, 'issuer')} on {counted(nodes, 'node')}
        {skipped > 0 && <span class="dim">; {formatCount(skipped)} without a certificate are skipped</span>}
      </p>
      <ul class="tally">
        {rows.map(({ value, count: of }) => (
          <li key={value} title={value}>
            <span>{issuerParts(value).name}</span>
            <span class="number">{formatCount(of)}</span>
          </li>
        ))}
        {issuers > rows.length && <li class="dim">and {counted(issuers - rows.length, 'issuer')} more</li>}
      </ul>
      {volumes.length === count && (
        <details open={count <= listedAtOnce}>
          <summary>The volumes</summary>
          <ul class="named">
            {volumes.map(({ node, volumeId, namespace, pod }) => (
              <li key={`${node}/${volumeId}`}>
                {namespace}/{pod} <span class="dim">on {node}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
