import { Cache } from '@certfleet/shared/cache.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { IssuerSpec } from '../policy/signer-policy.ts';
import type { Issuer } from './issuer.ts';
import { readSecret } from './read-secret.ts';
import { SecretIssuer } from './secret-issuer.ts';
import { VaultIssuer } from './vault-issuer.ts';

export interface IssuerParts {
  readonly client: Pick<KubeClient, 'request'>;
  readonly clock: Clock;
  /** Of the Secrets. */
  readonly namespace: string;
  readonly vaultTokenFile: string;
}

const caTtlMs = 60_000;

/** The issuer of a PodCertificateSigner. */
export function openIssuer(spec: IssuerSpec, { client, clock, namespace, vaultTokenFile }: IssuerParts): Issuer {
  if ('secretName' in spec) return new SecretIssuer({ client, clock, namespace, secretName: spec.secretName });
  const { vault } = spec;
  const cas = new Cache<{ readonly pem: string }>({ clock, ttlMs: caTtlMs, maxEntries: 1 });
  const readCa = async (): Promise<string | undefined> => {
    const { caSecretName: name } = vault;
    if (name === undefined) return undefined;
    const { pem } = await cas.load(name, async () => {
      const { 'ca.crt': base64 } = await readSecret(client, namespace, name);
      if (typeof base64 !== 'string')
        throw new CertfleetError('failed-precondition', `Secret ${namespace}/${name}: expected the entry ca.crt`);
      return { pem: Buffer.from(base64, 'base64').toString('latin1') };
    });
    return pem;
  };
  return new VaultIssuer({ clock, spec: vault, tokenFile: vaultTokenFile, readCa });
}
