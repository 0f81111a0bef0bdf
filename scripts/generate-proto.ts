// Generates gen/ of the package in the current directory from the protos in its package.json under "protos". Generated
// code is not committed; turbo caches it by the protos' content.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const { protos } = JSON.parse(readFileSync('package.json', 'utf8')) as { protos: string[] };
const options = [
  'outputServices=grpc-js',
  'esModuleInterop=true',
  'importSuffix=.ts',
  // Constant objects instead of enums, which Node's type stripping does not support.
  'enumsAsLiterals=true',
  'unrecognizedEnum=false',
  'forceLong=number',
  'useExactTypes=false',
  'useOptionals=none',
  'outputJsonMethods=false',
  'outputPartialMethods=true',
  'removeEnumPrefix=true',
];
rmSync('gen', { recursive: true, force: true });
execFileSync(
  join(root, 'node_modules/.bin/buf'),
  [
    'generate',
    join(root, 'proto'),
    '--template',
    JSON.stringify({
      version: 'v2',
      plugins: [{ local: join(root, 'node_modules/.bin/protoc-gen-ts_proto'), out: 'gen', opt: options }],
    }),
    ...protos.flatMap((path) => ['--path', join(root, 'proto', path)]),
  ],
  { stdio: 'inherit' },
);
