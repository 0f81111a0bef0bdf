import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { CertfleetError } from '@certfleet/shared/errors.ts';

/** Which cluster a command is about, as for kubectl. */
export interface ClusterChoice {
  /** --kubeconfig */
  readonly kubeconfig: string | undefined;
  /** --context */
  readonly context: string | undefined;
  /** KUBECONFIG and HOME are used. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads the kubeconfig files that kubectl would read.
 * @throws CertfleetError invalid-argument if they name no cluster
 */
export function loadKubeconfig({ kubeconfig, context, env }: ClusterChoice): KubeConfig {
  const [first, ...others] = filesOf(kubeconfig, env).map(load);
  if (first === undefined) throw new CertfleetError('internal', 'expected a kubeconfig');
  for (const other of others) first.mergeConfig(other, true);
  if (context !== undefined) select(first, context);
  if (first.getCurrentCluster() === null) {
    const message = 'the kubeconfig has no current context with a cluster; choose one with --context';
    throw new CertfleetError('invalid-argument', message);
  }
  return first;
}

/** A file that is named by a flag must exist; of those of KUBECONFIG, one. */
function filesOf(flag: string | undefined, { KUBECONFIG, HOME }: ClusterChoice['env']): readonly string[] {
  if (flag !== undefined) return [flag];
  const named = (KUBECONFIG ?? '').split(delimiter).filter((path) => path !== '');
  const all = named.length > 0 ? named : [join(HOME ?? homedir(), '.kube/config')];
  const files = all.filter((path) => existsSync(path));
  if (files.length > 0) return files;
  const message = `found no kubeconfig at ${all.join(', ')}; set KUBECONFIG or --kubeconfig, or give --server`;
  throw new CertfleetError('invalid-argument', message);
}

function load(path: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromFile(path);
  } catch (thrown) {
    // A YAML error quotes the lines around it, which may contain a key: report only the system's error code.
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'not a kubeconfig';
    throw new CertfleetError('invalid-argument', `could not load the kubeconfig ${path}: ${code}`);
  }
  return config;
}

function select(config: KubeConfig, context: string): void {
  const known = config.getContexts().map(({ name }) => name);
  if (!known.includes(context)) {
    const message = `--context: the kubeconfig has no context ${context}; it has ${known.join(', ') || 'none'}`;
    throw new CertfleetError('invalid-argument', message);
  }
  config.setCurrentContext(context);
}
