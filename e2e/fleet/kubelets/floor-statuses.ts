import { issuedStatus } from '../../../apps/pod-certificate-signer/src/signing/answer.ts';
import { readSecretCa, signWithCa } from '../../../apps/pod-certificate-signer/src/issuers/secret-ca.ts';
import { proveKey } from '../../../apps/pod-certificate-signer/src/requests/proof-of-possession.ts';
import { testRequest } from '../../../apps/pod-certificate-signer/src/testing/requests.ts';
import type { TestCa } from '../../../apps/pod-certificate-signer/src/testing/requests.ts';

/** Final statuses with certificates for these keys (PKCS#10 requests in base64). */
export function floorStatuses(testCa: TestCa, keys: readonly string[]): readonly object[] {
  const ca = readSecretCa(testCa.data);
  const names = { commonName: undefined, dnsNames: ['floor.example.com'], uris: [] };
  return keys.map((stubPKCS10Request) => {
    const order = {
      key: proveKey(testRequest({ stubPKCS10Request })),
      names,
      usages: ['digital signature', 'server auth'] as const,
      lifetimeSeconds: 86_400,
      renewBeforeSeconds: undefined,
    };
    const nowMs = Date.now();
    return issuedStatus(signWithCa(ca, order, nowMs), { renewBeforeSeconds: undefined, earlierMs: 0 }, nowMs);
  });
}
