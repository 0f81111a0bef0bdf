import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { CertificateText } from '@certfleet/operator-api/certificate.ts';
import type { VolumePath } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import { t } from '../messages/messages.ts';
import { CopiedText, CopyButton } from '../ui/copied-text.tsx';
import { Failed, Loading } from '../ui/notice.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';

const texts = t.volume.chain;

/** The certificate and its chain, loaded from the node on request. Never the key. */
export function CertificatePanel({ node, volumeId }: VolumePath): JSX.Element {
  const { api } = useServices();
  const [certificate, setCertificate] = useState<CertificateText | undefined>(undefined);
  const [error, setError] = useState<CertfleetError | undefined>(undefined);
  const [isAsking, setAsking] = useState(false);
  const ask = (): void => {
    setAsking(true);
    setError(undefined);
    api
      .certificate(node, volumeId)
      .then(setCertificate, (thrown: unknown) => setError(asCertfleetError(thrown)))
      .finally(() => setAsking(false));
  };
  return (
    <section class="panel" aria-labelledby="certificate">
      <div class="panel-head">
        <h2 id="certificate">{texts.title}</h2>
        {certificate === undefined && (
          <button type="button" onClick={ask} disabled={isAsking}>
            {texts.load}
          </button>
        )}
      </div>
      {error && <Failed error={error} onRetry={ask} />}
      {isAsking && <Loading />}
      {certificate === undefined && !isAsking && !error && <p class="dim">{texts.about(node)}</p>}
      {certificate && <Certificate certificate={certificate} />}
    </section>
  );
}

function Certificate({
  certificate: { chain, text, pem, ca },
}: {
  readonly certificate: CertificateText;
}): JSX.Element {
  return (
    <>
      <ol class="chain">
        {chain.map(({ subject, issuer, serial, notAfter, fingerprint }) => (
          <li key={fingerprint}>
            <p>
              <strong>{subject === '' ? texts.noSubject : subject}</strong>
              <span class="dim">{texts.issuedBy(issuer)}</span>
            </p>
            <p class="small dim">
              {texts.expires({
                at: <RelativeTime at={notAfter} />,
                serial: <CopiedText text={serial} label={t.ui.copy.serial} />,
              })}
            </p>
            <p class="small dim">{texts.sha256(<CopiedText text={fingerprint} label={t.ui.copy.fingerprint} />)}</p>
          </li>
        ))}
      </ol>
      <div class="text-head">
        <h3>{texts.openssl}</h3>
        <CopyButton text={text} label={t.ui.copy.certificateText} />
        <span class="grow" />
        <span class="small">{texts.pem}</span> <CopyButton text={pem} label={t.ui.copy.certificatePem} />
        {ca !== undefined && (
          <>
            <span class="small">{texts.ca}</span> <CopyButton text={ca} label={t.ui.copy.caPem} />
          </>
        )}
      </div>
      <pre tabIndex={0} aria-label={texts.opensslLabel}>
        {text}
      </pre>
    </>
  );
}
