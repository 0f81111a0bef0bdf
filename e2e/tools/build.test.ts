import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { tmpdir } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import { cacheDirectory } from './cache-directory.ts';

const script = join(import.meta.dirname, 'build.ts');
const run = promisify(execFile);

describe('tool builds', () => {
  let cache: string;
  before(async () => {
    cache = await mkdtemp(join(tmpdir(), 'certfleet-tools-'));
  });
  after(() => rm(cache, { recursive: true }));
  const build = (tool: string, env: Record<string, string> = {}): Promise<{ stdout: string; stderr: string }> =>
    // Go's own cache, which XDG_CACHE_HOME also moves, avoids compiling the standard library.
    run(process.execPath, [script, tool], {
      env: { ...process.env, GOCACHE: cacheDirectory('../go-build'), XDG_CACHE_HOME: cache, ...env },
    });

  test('two processes that need the same tool build it once', async () => {
    const [one, two] = await Promise.all([build('pause'), build('pause')]);
    assert.equal(one.stdout, two.stdout);
    assert.equal(`${one.stderr}${two.stderr}`.match(/built pause in \d+ s/g)?.length, 1);
    await access(join(one.stdout.trim(), 'pause'));
  });

  test('an existing tool is not built again and needs no go command', async () => {
    const { stdout, stderr } = await build('pause', { PATH: dirname(process.execPath) });
    assert.match(stdout, /pause-[0-9a-f]{16}\n$/);
    assert.equal(stderr, '');
  });

  test('names the missing package when go is not installed', async () => {
    const bin = join(cache, 'bin');
    await mkdir(bin);
    for (const needed of ['flock', 'sh', 'cat']) await symlink(join('/usr/bin', needed), join(bin, needed));
    await assert.rejects(build('etcd', { PATH: bin }), /go command was not found: install Go 1\.26/);
  });

  test('the environment chooses the version of Kubernetes, and no other one is built', async () => {
    const modules = join(import.meta.dirname, 'modules.ts');
    const print = `import { moduleOf, usedModules } from '${modules}'; console.log(moduleOf('kubelet'), ...usedModules)`;
    const used = async (minor?: string): Promise<readonly string[]> => {
      const argv = ['--input-type=module', '--eval', print];
      const env = { ...process.env, CERTFLEET_E2E_KUBERNETES: minor };
      const { stdout } = await run(process.execPath, argv, { env });
      return stdout.trim().split(' ');
    };
    const [newest, ...ofNewest] = await used();
    const [older, ...ofOlder] = await used('1.35');
    assert.deepEqual([newest, older], ['kubernetes', 'kubernetes-1.35']);
    assert.ok(ofNewest.includes('kubernetes') && !ofNewest.includes('kubernetes-1.35'));
    assert.ok(ofOlder.includes('kubernetes-1.35') && !ofOlder.includes('kubernetes'));
    await assert.rejects(used('1.20'), /is "1\.20", expected one of .*1\.37/);
  });

  test('lists the known tools for an unknown name', async () => {
    await assert.rejects(build('minikube'), /unknown tool "minikube", expected one of .*kubelet/);
  });
});
