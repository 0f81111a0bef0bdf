// Bundles an app: `bundle.ts ENTRY OUTPUT`, run in the app's folder. The output's folder is then all that is needed to
// run it: packages with native code, which no bundler can take in, are copied to its node_modules.
import { cpSync, globSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, parse, resolve } from 'node:path';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';

/** The native packages, with what each loads at run time: not the sources and headers that it can be built from. */
const nativePackages: Readonly<Record<string, readonly string[]>> = {
  koffi: ['koffi/{package.json,LICENSE.txt,index.js,src/koffi/{index.js,src/static.js}}', '@koromix/koffi-*'],
};

/**
 * Takes Node's own modules as the objects that they are. An import statement would read every property of them, also
 * those that load something when they are read: `http.WebSocket` alone is 13 MB of memory on every node.
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
if (directory === '') throw new Error(`expected an output file in a folder of its own, found ${output}`);
// The names of what is imported on demand hold a hash: without this those of earlier builds would stay.
rmSync(directory, { recursive: true, force: true });

const { metafile } = await build({
  entryPoints: { [name]: entry },
  outdir: directory,
  bundle: true,
  // What is imported on demand gets a file of its own. In one file all of it would be evaluated at start, which for the
  // Kubernetes client alone is 20 MB of memory on every node.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node26',
  // Names stay, since logs show those of errors. (keepNames would set them each time that a function is made: 2 % of the
  // agent's CPU.)
  minifyWhitespace: true,
  minifySyntax: true,
  // For reading stack traces (--enable-source-maps); images leave it out.
  sourcemap: 'external',
  metafile: true,
  external: Object.keys(nativePackages),
  plugins: [builtins],
  // CommonJS packages call require for Node's own modules, which a module lacks.
  banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
});
// Without this Node would parse the file as CommonJS first.
writeFileSync(join(directory, 'package.json'), '{"type":"module"}\n');

const imported = new Set(Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path)));
const installed = resolve(import.meta.dirname, '../node_modules');
for (const [native, files] of Object.entries(nativePackages)) {
  if (!imported.has(native)) continue;
  for (const path of globSync([...files], { cwd: installed })) {
    cpSync(join(installed, path), join(directory, 'node_modules', path), { recursive: true });
  }
}
