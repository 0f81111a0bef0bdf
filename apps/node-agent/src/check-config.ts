import { CertfleetError } from '@certfleet/shared/errors.ts';
import { maxLabelKeys } from '@certfleet/shared/flag-parsers.ts';

/** The flags that depend on each other. */
interface CheckedFlags {
  readonly 'redis-cert-file': string | undefined;
  readonly 'redis-key-file': string | undefined;
  readonly 'report-workload': boolean;
  readonly 'report-pod-label': readonly string[];
  readonly 'startup-taint': unknown;
  readonly 'ready-node-label': unknown;
  readonly 'plugin-registration-path': string | undefined;
  readonly 'controller-address': string | undefined;
  readonly rollouts: boolean;
}

/**
 * Checks what no single flag shows.
 * @throws CertfleetError invalid-argument
 */
export function checkConfig<Config extends CheckedFlags>(config: Config): Config {
  if ((config['redis-cert-file'] === undefined) !== (config['redis-key-file'] === undefined)) {
    throw new CertfleetError('invalid-argument', '--redis-cert-file and --redis-key-file: expected both or none');
  }
  const labels = config['report-pod-label'];
  if (labels.length > maxLabelKeys || (labels.length > 0 && !config['report-workload'])) {
    throw new CertfleetError(
      'invalid-argument',
      `--report-pod-label: expected at most ${maxLabelKeys} keys, with --report-workload`,
    );
  }
  const isMarked = config['startup-taint'] !== undefined || config['ready-node-label'] !== undefined;
  if (isMarked && config['plugin-registration-path'] === undefined) {
    throw new CertfleetError(
      'invalid-argument',
      '--startup-taint and --ready-node-label: expected --plugin-registration-path too, without which the agent does ' +
        'not know when the kubelet has registered the driver',
    );
  }
  if (config.rollouts && config['controller-address'] === undefined)
    throw new CertfleetError('invalid-argument', '--rollouts: expected --controller-address too, the controller rolls');
  return config;
}
