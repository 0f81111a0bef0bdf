/** A SHA-256 in hexadecimal, with or without colons, as OpenSSL and browsers print it. */
export const fingerprintPattern = '^[0-9a-fA-F]{2}(:?[0-9a-fA-F]{2}){31}$';

/** The form in which fingerprints are stored: lower case, without colons. */
export const normalFingerprint = (given: string): string => given.replaceAll(':', '').toLowerCase();
