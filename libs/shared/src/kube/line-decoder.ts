import { CertfleetError } from '../errors.ts';

const newline = 0x0a;

/**
 * Splits a stream of bytes into lines without their newlines. An incomplete last line is dropped.
 * @throws CertfleetError resource-exhausted when a line is longer than `maxLine` bytes
 */
export async function* decodeLines(chunks: AsyncIterable<Uint8Array>, maxLine: number): AsyncGenerator<string> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      parts.push(chunk.subarray(start, end));
      // Joined as bytes before decoding, because a character may be split between two chunks.
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      size = 0;
      start = end + 1;
      if (line !== '') yield line;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
    size += chunk.length - start;
    if (size > maxLine) {
      throw new CertfleetError('resource-exhausted', `line is longer than the limit of ${maxLine} bytes`);
    }
  }
}
