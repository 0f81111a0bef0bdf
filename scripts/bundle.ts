// Bundles an app: `bundle.ts ENTRY OUTPUT`, run in the app's folder. The output's folder is sufficient to run it:
// packages with native code, which bundlers do not support, are copied to its node_modules.
import { cpSync, globSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, parse, resolve } from 'node:path';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';

/** The native packages with the files that each loads at run time, without their sources and headers. */
const nativePackages: Readonly<Record<string, readonly string[]>> = {
  koffi: ['koffi/{package.json,LICENSE.txt,index.js,src/koffi/{index.js,src/static.js}}', '@koromix/koffi-*'],
};

/**
 * Binds Node's own modules as objects. An import statement would read all their properties, including getters with side
 * effects: `http.WebSocket` alone costs 13 MB of memory on every node.
 */
const builtins: Plugin = {
  name: 'builtins',
  setup: (bundler) => {
    bundler.onResolve({ filter: /^[a-z:/_0-9]+$/ }, ({ path }) =>
      isBuiltin(path) ? { path: path.replace(/^node:/, ''), namespace: 'builtin' } : undefined,
    );
    bundler.onLoad({ filter: /^/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

const [entry, output] = process.argv.slice(2);
if (entry === undefined || output === undefined) throw new Error('expected an entry and an output file');
const { dir: directory, name } = parse(output);
if (directory === '') throw new Error(`expected an output file in its own folder, found ${output}`);
// The names of dynamically imported files contain a hash: without this, those of earlier builds would stay.
rmSync(directory, { recursive: true, force: true });

const { metafile } = await build({
  entryPoints: { [name]: entry },
  outdir: directory,
  bundle: true,
  // Dynamic imports get their own files. In one file everything would be evaluated at start, which costs 20 MB of
  // memory on every node for the Kubernetes client alone.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node26',
  // Names are kept, because logs contain the names of errors. (keepNames would set them for each created function: 2 %
  // of the agent's CPU.)
  minifyWhitespace: true,
  minifySyntax: true,
  // For reading stack traces (--enable-source-maps); images omit it.
  sourcemap: 'external',
  metafile: true,
  external: Object.keys(nativePackages),
  plugins: [builtins],
  // CommonJS packages call require for Node's own modules, which ES modules do not have.
  banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
});
// Otherwise Node would first try to parse the file as CommonJS.
writeFileSync(join(directory, 'package.json'), '{"type":"module"}\n');

const imported = new Set(Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path)));
const installed = resolve(import.meta.dirname, '../node_modules');
for (const [native, files] of Object.entries(nativePackages)) {
  if (!imported.has(native)) continue;
  for (const path of globSync([...files], { cwd: installed })) {
    cpSync(join(installed, path), join(directory, 'node_modules', path), { recursive: true });
  }
}
