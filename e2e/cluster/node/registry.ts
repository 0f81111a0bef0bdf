import { writeFile } from 'node:fs/promises';

import { componentIn, type Component } from '../component.ts';
import { httpProbe } from '../http-probe.ts';
import type { Sandbox } from '../sandbox.ts';

/** The registry's port inside the cluster's network namespace. */
export const registryPort = 5000;
/** The registry's address on the node. */
export const registryAddress = `127.0.0.1:${registryPort}`;

/** Directory of the registry's images. */
export const registryFiles = (sandbox: Sandbox): string => sandbox.path('registry');

/** The registry for every image of the cluster; not yet started. */
export async function registry(sandbox: Sandbox): Promise<Component> {
  const configuration = {
    version: '0.1',
    log: { level: 'warn' },
    storage: { filesystem: { rootdirectory: registryFiles(sandbox) }, delete: { enabled: true } },
    // On every address: nodes that are containers have their own loopback.
    http: { addr: `:${registryPort}` },
  };
  // JSON is YAML.
  await writeFile(sandbox.path('registry.json'), JSON.stringify(configuration));
  const argv = ['docker-registry', 'serve', sandbox.path('registry.json')];
  return componentIn(sandbox.directory, sandbox.enterNetwork)(
    'registry',
    argv,
    httpProbe(sandbox.enterNetwork, `http://${registryAddress}/v2/`),
  );
}
