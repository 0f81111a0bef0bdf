import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs the go command in a module's directory and returns its output; stderr becomes part of the error. */
export async function go(args: readonly string[], cwd: string): Promise<string> {
  try {
    const { stdout } = await run('go', args, {
      cwd,
      // Static binaries run in every image and mount namespace. A go.work above the checkout must not apply.
      env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout.trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new Error(
        'the test cluster is built from Go modules and the go command was not found: ' +
          'install Go 1.26 or newer (https://go.dev/dl); from 1.21 on, such as the Debian package golang-go of ' +
          'trixie or bookworm-backports, it fetches the right toolchain itself',
        { cause: error },
      );
    }
    throw error;
  }
}
