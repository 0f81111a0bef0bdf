import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { RenewalPreview } from '@certfleet/operator-api/renewals.ts';
import { t } from '../messages/messages.ts';
import { useUnavailable } from '../ui/action-button.tsx';
import { formatCount } from '../ui/count.ts';
import { issuerParts } from '../ui/issuer-name.tsx';
import { Modal } from '../ui/modal.tsx';
import { Failed, Loaded } from '../ui/notice.tsx';
import { useRenewal } from './use-renewal.ts';
import type { RenewalOptions, RenewalWish } from './use-renewal.ts';

const texts = t.renewals.dialog;

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
    <Modal title={everything ? texts.titleOfAll : texts.title} onClose={props.onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (canRenew && data !== undefined) void renew(data, wishOf(reason, options));
        }}
      >
        {error && <Failed error={error} />}
        <Loaded resource={preview}>{(found) => <Preview preview={found} />}</Loaded>
        <label class="stacked">
          {t.common.reason}
          <input
            type="text"
            required
            maxLength={512}
            value={reason}
            disabled={isUnanswered}
            placeholder={t.common.reasonHint}
            autoFocus
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        {count >= large && <TypedCount count={count} value={typed} onType={setTyped} />}
        <OptionFields options={options} isFixed={isUnanswered} onChange={setOptions} />
        <div class="dialog-actions">
          <button type="button" onClick={props.onClose}>
            {isUnanswered ? t.common.close : t.common.cancel}
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
  if (isSending) return texts.requesting;
  // The controller starts a request with the same id only once.
  if (isUnanswered) return texts.sendAgain;
  return preview === undefined ? texts.renew : texts.renewCount(preview.count);
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
        title={texts.canary}
        value={options.canary}
        isFixed={isFixed}
        onType={(canary) => onChange({ ...options, canary })}
      />
      <Limit
        title={texts.stopAfter}
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
        {texts.ignoreWindows}
      </label>
      <p class="dim small">{texts.limitsApply}</p>
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
        placeholder={texts.optional}
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
      {texts.typeCount(count)}
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
    return <p>{skipped === 0 ? texts.noMatch : texts.noneWithCertificate(skipped)}</p>;
  }
  const rows = byIssuer.slice(0, shownRows);
  return (
    <div class="preview" aria-live="polite">
      <p>
        {texts.preview({ big: (text) => <strong class="big">{text}</strong>, volumes: count, issuers, nodes })}
        {skipped > 0 && <span class="dim">{texts.skipped(skipped)}</span>}
      </p>
      <ul class="tally">
        {rows.map(({ value, count: of }) => (
          <li key={value} title={value}>
            <span>{issuerParts(value).name}</span>
            <span class="number">{formatCount(of)}</span>
          </li>
        ))}
        {issuers > rows.length && <li class="dim">{texts.moreIssuers(issuers - rows.length)}</li>}
      </ul>
      {volumes.length === count && (
        <details open={count <= listedAtOnce}>
          <summary>{texts.volumes}</summary>
          <ul class="named">
            {volumes.map(({ node, volumeId, namespace, pod }) => (
              <li key={`${node}/${volumeId}`}>
                {namespace}/{pod} <span class="dim">{texts.on(node)}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
