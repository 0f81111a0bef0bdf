import { CertfleetError } from '@certfleet/shared/errors.ts';

const unquotedField = /[^,\n]*/y;
const quotedField = /"([^"]*(?:""[^"]*)*)"/y;

/** Reads one record that begins at `start`; `end` is where the next one begins. */
function recordAt(text: string, start: number): { fields: string[]; end: number } {
  const fields: string[] = [];
  for (let position = start; ; position += 1) {
    const pattern = text[position] === '"' ? quotedField : unquotedField;
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match === null) throw malformed('a quote is not closed');
    if (match[1] === undefined && match[0].includes('"')) throw malformed('a quote is inside an unquoted field');
    fields.push(match[1]?.replaceAll('""', '"') ?? match[0]);
    position += match[0].length;
    if (position === text.length || text[position] === '\n') return { fields, end: position + 1 };
    if (text[position] !== ',') throw malformed('text follows a closing quote');
  }
}

function malformed(why: string): CertfleetError {
  return new CertfleetError('invalid-argument', `expected a line of comma separated values: ${why}`);
}

/**
 * The fields of one CSV line by the rules of Go's encoding/csv, for compatibility with csi-driver: fields may be
 * quoted, a quote inside them is doubled, white space is part of the field, empty lines (such as the last of a YAML
 * block) are skipped.
 * @throws CertfleetError invalid-argument if quotes are wrong or there is more than one line
 */
export function parseCsvLine(text: string): string[] {
  const lines = text.replaceAll('\r\n', '\n').replace(/\r$/, '');
  let record: string[] = [];
  for (let position = 0; position < lines.length;) {
    if (lines[position] === '\n') {
      position += 1;
      continue;
    }
    if (record.length > 0) throw malformed('there is more than one line');
    const { fields, end } = recordAt(lines, position);
    record = fields;
    position = end;
  }
  return record;
}
