import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

describe('protectMemory', () => {
  test('prevents a core dump of an aborting process, even with unlimited cores', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'certfleet-core-'));
    const script = `
    import { readFileSync } from 'node:fs';
    import { protectMemory } from ${JSON.stringify(join(import.meta.dirname, 'protect-memory.ts'))};
    console.log(protectMemory() ?? 'protected', /Max core file size +0 +0 /.test(readFileSync('/proc/self/limits', 'utf8')));
    process.abort();`;
    const shell = 'ulimit -c unlimited 2>/dev/null; exec "$0" --input-type=module --eval "$1"';
    const child = spawn('sh', ['-c', shell, process.execPath, script], { cwd: directory });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    assert.deepEqual([code, signal], [null, 'SIGABRT']);
    assert.equal(output, 'protected true\n');
    assert.deepEqual(readdirSync(directory), []);
    rmSync(directory, { recursive: true });
  });
});
