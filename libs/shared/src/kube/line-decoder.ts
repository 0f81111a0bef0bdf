import { CertfleetError } from '../errors.ts';

const newline = 0x0a;

/**
 * The lines of a stream of bytes, without their ends. What is left at the end without a newline was cut off and is dropped.
 * @throws CertfleetError resource-exhausted when a line is longer than `maxLine` bytes
 */
export async function* decodeLines(chunks: AsyncIterable<Uint8Array>, maxLine: number): AsyncGenerator<string> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      parts.push(chunk.subarray(start, end));
      // Joined as bytes before decoding: a character may be split between two chunks.
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      size = 0;
      start = end + 1;
      if (line !== '') yield line;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
    size += chunk.length - start;
    if (size > maxLine) {
      throw new CertfleetError('resource-exhausted', `expected lines of at most ${maxLine} bytes, found a longer one`);
    }
  }
}
