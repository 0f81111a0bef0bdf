// The init container of the chart's Redis: gets or creates the Secret with the password, and writes Redis' configuration.
import { writeFile } from 'node:fs/promises';
import { foregroundClock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { nonEmpty, optional } from '@certfleet/shared/flag-parsers.ts';
import { parseFlags } from '@certfleet/shared/flags.ts';
import { openKubeClient, requireKube } from '../identity/kube-client.ts';
import { authConfig, ensureRedisPassword } from './redis-secret.ts';

const flags = {
  namespace: { fallback: undefined, help: 'Namespace of the Secret.', parse: nonEmpty },
  name: { fallback: undefined, help: 'Name of the Secret.', parse: nonEmpty },
  output: { fallback: undefined, help: 'File for the configuration of Redis.', parse: nonEmpty },
  kubeconfig: { fallback: '', help: "File with the API server's address; default: the pod's own.", parse: optional },
};

try {
  const { namespace, name, output, kubeconfig } = parseFlags(flags, process.argv.slice(2), process.env);
  const clock = foregroundClock;
  const client = requireKube(await openKubeClient({ kubeconfig, env: process.env, clock }), 'the password of Redis');
  try {
    const password = await ensureRedisPassword({ client, namespace, name });
    // The user of Redis is the user of this process.
    await writeFile(output, authConfig(password), { mode: 0o400, flag: 'w' });
  } finally {
    client.stop();
  }
} catch (thrown) {
  process.stderr.write(`certfleet redis-secret: ${asCertfleetError(thrown).message}\n`);
  process.exitCode = 1;
}
