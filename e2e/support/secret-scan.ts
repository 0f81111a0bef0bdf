/** Text in a place that others can read: a log, an API object, a metrics page. */
export interface SecretScanText {
  readonly where: string;
  readonly text: string;
}

/** A secret of the run with its name. */
export interface KnownSecret {
  readonly name: string;
  readonly value: string;
}

/** A secret that was found. It does not repeat the secret. */
export interface SecretFinding {
  readonly where: string;
  /** From 1. */
  readonly line: number;
  readonly what: string;
}

const beginKey = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/g;

/** The general patterns of secrets. */
const patterns: Readonly<Record<string, RegExp>> = {
  'private key in PEM': beginKey,
  // PKCS#8's and PKCS#1's first bytes in Base64, after a line break written as \n or escaped, or at a word's start.
  'body of a private key in PEM':
    /(?<![A-Za-z0-9+/=])(?:MII[A-Za-z0-9+/]{3}IBA(?:DANBgkqhkiG9w0BAQEFAASC|AKCA)|M[A-Za-z0-9+/]{3}AgEAM[A-Za-z0-9+/]{2}GByqGSM49AgEG|MC4CAQAwBQYDK2Vw)[A-Za-z0-9+/]/g,
  'JSON Web Token': /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}/g,
};

/** The Base64 of each of three alignments of "PRIVATE KEY-----", without the characters that depend on neighbours. */
const encodedKeyMarks = [0, 1, 2].map((shift) => {
  const encoded = Buffer.from(`${' '.repeat(shift)}PRIVATE KEY-----`)
    .toString('base64')
    .replaceAll('=', '');
  return encoded.slice(Math.ceil((shift * 4) / 3) + (shift === 0 ? 0 : 1), -2);
});

/** Searches for the known secrets, plain and in Base64, and for everything that looks like a private key or a token. */
export function findSecrets(texts: readonly SecretScanText[], known: readonly KnownSecret[] = []): SecretFinding[] {
  const needles = [
    ...known.flatMap(({ name, value }) => spellings(value).map((text) => ({ what: name, text }))),
    ...encodedKeyMarks.map((text) => ({ what: 'private key in PEM in Base64', text })),
  ];
  const findings = new Map<string, SecretFinding>();
  for (const { where, text } of texts) {
    const report = (what: string, offset: number): void => {
      const line = text.slice(0, offset).split('\n').length;
      findings.set(`${where}\n${line}\n${what}`, { where, line, what });
    };
    for (const [what, pattern] of Object.entries(patterns)) {
      for (const { index } of text.matchAll(pattern)) report(what, index);
    }
    for (const { what, text: needle } of needles) {
      for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + 1)) report(what, at);
    }
  }
  return [...findings.values()];
}

/** A secret in plain text, escaped like in JSON and Go's %q, and in Base64. */
function spellings(value: string): readonly string[] {
  if (value.length < 4) throw new Error('a secret must have at least 4 characters: a shorter one is found anywhere');
  const base64 = Buffer.from(value).toString('base64').replace(/=+$/, '');
  return [...new Set([value, JSON.stringify(value).slice(1, -1), base64])];
}
