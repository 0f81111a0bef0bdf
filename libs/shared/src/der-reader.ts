import { CertfleetError } from './errors.ts';

/** One DER value: its identifier octet, its content, and the complete encoding with tag and length. */
export interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
  readonly encoded: Buffer;
}

/**
 * Reads consecutive values. The children of a constructed value are the values in its content.
 * @throws CertfleetError invalid-argument when the bytes end early or use a form that X.509 does not allow
 */
export function readDerValues(bytes: Buffer): DerValue[] {
  const values: DerValue[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const value = readFirst(rest);
    values.push(value);
    rest = rest.subarray(value.encoded.length);
  }
  return values;
}

/**
 * Reads the children of one constructed value with that tag, with nothing after it.
 * @throws CertfleetError invalid-argument when the bytes contain something else
 */
export function readDerChildren(bytes: Buffer, tag = 0x30): DerValue[] {
  const value = readFirst(bytes);
  if (value.tag !== tag || value.encoded.length !== bytes.length) {
    throw malformed(`one value of tag 0x${tag.toString(16)}, found tag 0x${value.tag.toString(16)} or trailing bytes`);
  }
  return readDerValues(value.content);
}

function readFirst(bytes: Buffer): DerValue {
  const tag = bytes[0] ?? 0;
  const first = bytes[1];
  if (first === undefined) throw malformed('a tag and a length, found the end');
  if ((tag & 0x1f) === 0x1f) throw malformed('a tag of one octet');
  const lengthOctets = first < 0x80 ? 0 : first & 0x7f;
  // The indefinite form (0x80) is only valid in BER; four octets are more than any certificate needs.
  if (first === 0x80 || lengthOctets > 4) throw malformed('a definite length of at most four octets');
  const start = 2 + lengthOctets;
  if (bytes.length < start) throw malformed('a length, found the end');
  const length = lengthOctets === 0 ? first : bytes.readUIntBE(2, lengthOctets);
  const end = start + length;
  if (bytes.length < end) throw malformed(`${length} octets of content, found ${bytes.length - start}`);
  return { tag, content: bytes.subarray(start, end), encoded: bytes.subarray(0, end) };
}

function malformed(expected: string): CertfleetError {
  return new CertfleetError('invalid-argument', `malformed DER: expected ${expected}`);
}
