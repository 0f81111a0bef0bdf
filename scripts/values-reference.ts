// Writes docs/reference/values.md from the comments of the chart's values.yaml.
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { valuesReference } from './values-table.ts';

const root = resolve(import.meta.dirname, '..');
const values = readFileSync(resolve(root, 'helm/certfleet/values.yaml'), 'utf8');
writeFileSync(resolve(root, 'docs/reference/values.md'), valuesReference(values));
