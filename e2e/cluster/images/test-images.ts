import { chmod, cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { toolPath } from '../../tools/build.ts';
import { run } from '../command.ts';
import type { ImageRecipe } from './image-recipe.ts';

/** The sandbox image of pods. */
export async function pauseRecipe(tag: string): Promise<ImageRecipe> {
  const pause = await toolPath('pause');
  const dockerfile = 'FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n';
  return {
    tag,
    // The path identifies the sources from which it was built.
    ingredients: [pause, dockerfile],
    prepare: async (context) => {
      await cp(pause, join(context, 'pause'));
      await writeFile(join(context, 'Dockerfile'), dockerfile);
    },
  };
}

/** busybox with openssl to inspect certificates inside pods. */
export async function busyboxRecipe(tag: string): Promise<ImageRecipe> {
  const dockerfile = 'FROM scratch\nCOPY root /\nCMD ["sh"]\n';
  const versions = await run(['dpkg-query', '--show', 'busybox-static', 'openssl', 'libssl3*', 'libc6']);
  return {
    tag,
    ingredients: [versions.stdout, dockerfile, passwd, prepareBusyboxRoot.toString()],
    prepare: async (context) => {
      await prepareBusyboxRoot(join(context, 'root'));
      await writeFile(join(context, 'Dockerfile'), dockerfile);
    },
  };
}

/** Redis from this machine's package, on the image with a shell. */
export async function redisRecipe(tag: string, base: ImageRecipe): Promise<ImageRecipe> {
  const dockerfile = `FROM ${base.tag}\nCOPY root /\nCMD ["redis-server"]\n`;
  const versions = await run(['dpkg-query', '--show', 'redis-server', 'redis-tools', 'libssl3*', 'libc6']);
  return {
    tag,
    ingredients: [versions.stdout, dockerfile],
    bases: [base],
    prepare: async (context) => {
      const root = join(context, 'root');
      for (const program of ['redis-server', 'redis-cli']) await copyWithLibraries(`/usr/bin/${program}`, root);
      await writeFile(join(context, 'Dockerfile'), dockerfile);
    },
  };
}

const passwd = 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n';

async function prepareBusyboxRoot(root: string): Promise<void> {
  for (const folder of ['bin', 'etc/ssl', 'usr/bin', 'root', 'var', 'tmp']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await chmod(join(root, 'tmp'), 0o1777);
  await cp('/usr/bin/busybox', join(root, 'bin/busybox'));
  for (const command of (await run(['busybox', '--list'])).stdout.trim().split('\n')) {
    if (command !== 'busybox') await symlink('busybox', join(root, 'bin', command));
  }
  await writeFile(join(root, 'etc/passwd'), passwd);
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  await writeFile(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  await copyWithLibraries('/usr/bin/openssl', root);
  await cp('/etc/ssl/openssl.cnf', join(root, 'etc/ssl/openssl.cnf'));
}

/** Copies a program and its shared libraries, each to the same path. */
export async function copyWithLibraries(program: string, root: string): Promise<void> {
  const { stdout } = await run(['ldd', program]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => (path === undefined ? [] : [path]));
  for (const path of [program, ...libraries]) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    // Library names are links to the files with the full version.
    await cp(path, join(root, path), { dereference: true });
  }
}
