import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { CertificateText } from '@certfleet/operator-api/certificate.ts';
import type { VolumePath } from '@certfleet/operator-api/volumes.ts';
import { useServices } from '../app/services.ts';
import { CopiedText, CopyButton } from '../ui/copied-text.tsx';
import { Failed, Loading } from '../ui/notice.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';

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
        <h2 id="certificate">Certificate and chain</h2>
        {certificate === undefined && (
          <button type="button" onClick={ask} disabled={isAsking}>
            Load from the node
          </button>
        )}
      </div>
      {error && <Failed error={error} onRetry={ask} />}
      {isAsking && <Loading />}
      {certificate === undefined && !isAsking && !error && (
        <p class="dim">
          The controller stores no certificates; it requests this one from the agent of {node}. The private key stays on
          the node.
        </p>
      )}
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
              <strong>{subject === '' ? 'no subject' : subject}</strong>
              <span class="dim"> issued by {issuer}</span>
            </p>
            <p class="small dim">
              expires <RelativeTime at={notAfter} /> · serial <CopiedText text={serial} label="serial" />
            </p>
            <p class="small dim">
              SHA-256 <CopiedText text={fingerprint} label="fingerprint" />
            </p>
          </li>
        ))}
      </ol>
      <div class="text-head">
        <h3>As OpenSSL prints it</h3>
        <CopyButton text={text} label="certificate text" />
        <span class="grow" />
        <span class="small">PEM</span> <CopyButton text={pem} label="certificate as PEM" />
        {ca !== undefined && (
          <>
            <span class="small">CA</span> <CopyButton text={ca} label="CA as PEM" />
          </>
        )}
      </div>
      <pre tabIndex={0} aria-label="Certificate as OpenSSL prints it">
        {text}
      </pre>
    </>
  );
}
