import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { recipeOf } from './build-context.ts';
import { recipeHash, type ImageRecipe } from './image-recipe.ts';
import type * as ImageStore from './image-store.ts';

type Store = typeof ImageStore;
type StoredImage = ImageStore.StoredImage;

let directory: string;
let cacheBefore: string | undefined;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'certfleet-images-'));
  cacheBefore = process.env['XDG_CACHE_HOME'];
  process.env['XDG_CACHE_HOME'] = join(directory, 'cache');
});
after(async () => {
  if (cacheBefore === undefined) delete process.env['XDG_CACHE_HOME'];
  else process.env['XDG_CACHE_HOME'] = cacheBefore;
  await rm(directory, { recursive: true });
});

describe('the image store', () => {
  const recipe: ImageRecipe = {
    tag: 'example.com/store:test',
    ingredients: ['one'],
    prepare: async (context) => {
      await writeFile(join(context, 'file'), 'content\n'.repeat(10_000));
      await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nCOPY file /file\n');
    },
  };
  let processes = 0;
  /** As another process gets the image. @returns it, and the lines of its builds */
  const get = async (of = recipe): Promise<{ readonly image: StoredImage; readonly lines: readonly string[] }> => {
    const module = `./image-store.ts?process=${(processes += 1)}`;
    const { storedImage } = (await import(module)) as Store;
    const lines: string[] = [];
    return { image: await storedImage(of, (line) => lines.push(line)), lines };
  };
  const layerOf = ({ layers }: StoredImage): string => layers[0]?.path ?? assert.fail('no layer');
  const recordOf = (image: ImageRecipe): string => join(directory, 'cache/certfleet/images/records', recipeHash(image));
  let first: StoredImage;
  let content: Buffer;

  test('builds an image once, with plain layers', async () => {
    const { image, lines } = await get();
    first = image;
    assert.deepEqual(lines, ['building image example.com/store:test']);
    content = await readFile(layerOf(first));
    assert.ok(content.includes('content\ncontent\n'));
    assert.deepEqual(await get(), { image: first, lines: [] });
  });

  test('restores a damaged or shortened layer, and a missing manifest', async () => {
    await appendFile(layerOf(first), 'x');
    assert.deepEqual((await get()).image, first);
    assert.deepEqual(await readFile(layerOf(first)), content);
    await truncate(layerOf(first), 1000);
    await get();
    assert.deepEqual(await readFile(layerOf(first)), content);
    await rm(first.manifest.path);
    assert.deepEqual((await get()).image, first);
    await readFile(first.manifest.path);
  });

  test('does not take a record that was half written, nor what a killed process left', async () => {
    await writeFile(recordOf(recipe), first.manifest.digest.slice(0, 20));
    await mkdir(join(directory, 'cache/certfleet/images/partial'), { recursive: true });
    await writeFile(join(directory, 'cache/certfleet/images/partial/manifest.json'), '{"manif');
    assert.deepEqual((await get()).image, first);
    assert.equal(await readFile(recordOf(recipe), 'utf8'), first.manifest.digest);
  });

  test('builds other ingredients anew, also under the same name', async () => {
    const other: ImageRecipe = {
      ...recipe,
      ingredients: ['two'],
      prepare: async (context) => {
        await writeFile(join(context, 'file'), 'other');
        await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nCOPY file /file\n');
      },
    };
    const { image } = await get(other);
    assert.notEqual(image.manifest.digest, first.manifest.digest);
    assert.deepEqual(await get(), { image: first, lines: [] });
  });

  test('keeps only the images that were used last', async () => {
    const records = join(recordOf(recipe), '..');
    const later = new Date(Date.now() + 60_000);
    for (let n = 0; n < 99; n += 1) {
      await writeFile(join(records, `later-${n}`), 'sha256:none');
      await utimes(join(records, `later-${n}`), later, later);
    }
    const { image } = await get({ ...recipe, ingredients: ['three'], tag: 'example.com/store:three' });
    assert.equal((await readdir(records)).length, 100);
    await assert.rejects(readFile(first.manifest.path), /ENOENT/);
    assert.deepEqual(await readFile(layerOf(image)), content);
    assert.deepEqual((await get()).image, first);
  });
});

describe('the recipe of a Dockerfile', () => {
  const base: ImageRecipe = { tag: 'base', ingredients: ['base'], prepare: () => Promise.resolve() };
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(join(directory, 'context', path, '..'), { recursive: true });
    await writeFile(join(directory, 'context', path), text);
  };
  const recipe = (target?: string, baseIngredient = 'base'): Promise<ImageRecipe> =>
    recipeOf(
      { tag: 'built', context: join(directory, 'context'), ...(target === undefined ? {} : { target }) },
      (name) => Promise.resolve(name === 'base:1' ? { ...base, ingredients: [baseIngredient] } : undefined),
    );
  const hash = async (...args: Parameters<typeof recipe>): Promise<string> => recipeHash(await recipe(...args));
  let before: string;

  test('changes with each file that the builder may see, the target and the base', async () => {
    await write('Dockerfile', 'FROM --platform=x base:1 AS one\nCOPY src /src\nFROM one\n');
    await write('.dockerignore', '*\n!src\n**/node_modules\n**/*.test.ts\n');
    await write('src/a.ts', 'a');
    before = await hash();
    assert.equal(await hash(), before);
    assert.notEqual(await hash('one'), before);
    assert.notEqual(await hash(undefined, 'another base'), before);
    await write('src/deep/b.ts', 'b');
    const withFile = await hash();
    assert.notEqual(withFile, before);
    await write('src/deep/b.ts', 'c');
    assert.notEqual(await hash(), withFile);
    await rm(join(directory, 'context/src/deep'), { recursive: true });
    assert.equal(await hash(), before);
  });

  test('ignores what the builder ignores', async () => {
    for (const path of ['README.md', 'other/c.ts', 'src/a.test.ts', 'src/node_modules/x/index.js']) {
      await write(path, 'ignored');
    }
    assert.equal(await hash(), before);
  });

  test('copies what it was made of, and nothing that changed since', async () => {
    const made = await recipe();
    const copy = join(directory, 'copy');
    await mkdir(copy);
    await made.prepare(copy);
    assert.deepEqual((await readdir(copy, { recursive: true })).sort(), [
      '.dockerignore',
      'Dockerfile',
      'src',
      'src/a.ts',
    ]);
    await write('src/a.ts', 'changed');
    await assert.rejects(made.prepare(copy), /changed while built was built/);
  });
});
