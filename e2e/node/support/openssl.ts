import { run } from '../../cluster/command.ts';

/** openssl's output of a certificate. */
export interface X509 {
  /** RFC 2253: the last attribute first, `CN=web,O=Acme`. */
  readonly subject: string;
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The public key as PEM. */
  readonly publicKey: string;
  /** The output of `openssl x509 -text`. */
  readonly text: string;
}

/** Runs openssl on the first certificate of a chain. */
export async function opensslX509(pem: string): Promise<X509> {
  const show = ['-subject', '-nameopt', 'RFC2253,-esc_msb,utf8', '-serial', '-dates', '-pubkey', '-text'];
  const { stdout } = await run(['openssl', 'x509', '-noout', ...show], { input: pem });
  const field = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(stdout)?.[1] ?? '';
  return {
    subject: field('subject'),
    serial: field('serial'),
    notBefore: new Date(field('notBefore')),
    notAfter: new Date(field('notAfter')),
    publicKey: /-----BEGIN PUBLIC KEY-----[^]*-----END PUBLIC KEY-----/.exec(stdout)?.[0] ?? '',
    text: stdout,
  };
}

/** The value of an extension in openssl's notation; undefined if the certificate lacks it. */
export function extension({ text }: X509, title: string): string | undefined {
  return new RegExp(`X509v3 ${title}:.*\\n\\s+(.*)$`, 'm').exec(text)?.[1]?.trim();
}

/** The public key of a private key, as PEM. */
export async function publicKeyOf(privateKeyPem: string): Promise<string> {
  return (await run(['openssl', 'pkey', '-pubout'], { input: privateKeyPem })).stdout.trim();
}

/** The lifetime in hours. */
export function lifetimeHours({ notBefore, notAfter }: X509): number {
  return (notAfter.getTime() - notBefore.getTime()) / 3_600_000;
}
