import { describeFlags, parseFlags } from '@certfleet/shared/flags.ts';
import type { FlagValues } from '@certfleet/shared/flags.ts';
import {
  boolean,
  integerBetween,
  listenAddress,
  nonEmpty,
  optional,
  optionalHttpsUrl,
} from '@certfleet/shared/flag-parsers.ts';

export const signerFlags = {
  'log-level': {
    fallback: '1',
    short: 'v',
    help: 'Log verbosity: 1 for operators, 2 for each certificate, 5 for all messages.',
    parse: integerBetween(0, 10),
  },
  'ops-bind-address': {
    fallback: ':9402',
    help: 'Address of /metrics, /healthz and /readyz, without TLS; 0 disables it.',
    parse: listenAddress,
  },
  namespace: {
    fallback: undefined,
    help: "Namespace of the signer: of the CAs' Secrets and of the Lease.",
    parse: nonEmpty,
  },
  'replica-name': { fallback: '', help: 'Unique name of this replica; default: the host name.', parse: optional },
  'lease-name': {
    fallback: 'certfleet-pod-certificate-signer',
    help: 'Name of the Lease that elects the replica that signs.',
    parse: nonEmpty,
  },
  'trust-bundles': {
    fallback: 'false',
    isSwitch: true,
    help: 'Maintain a ClusterTrustBundle for each signer name, with the CAs that verifiers must trust.',
    parse: boolean,
  },
  'vault-token-file': {
    fallback: '/var/run/secrets/certfleet/vault/token',
    help: 'File of the ServiceAccount token for the Kubernetes authentication of Vault and OpenBao.',
    parse: nonEmpty,
  },
  'controller-url': {
    fallback: '',
    help: 'URL of the API of the renewal controller, such as https://certfleet-controller.cert-manager.svc, for PodCertificateSigners that use the lane of an issuer.',
    parse: optionalHttpsUrl,
  },
  'controller-ca-file': {
    fallback: '',
    help: "PEM file of the CA of the controller's certificate; default: the CAs of the system.",
    parse: optional,
  },
  'controller-token-file': {
    fallback: '/var/run/secrets/certfleet/controller/token',
    help: 'File of the ServiceAccount token for the controller.',
    parse: nonEmpty,
  },
  kubeconfig: {
    fallback: '',
    help: "Kubeconfig for the API server; default: the pod's ServiceAccount.",
    parse: optional,
  },
} as const;

export type SignerConfig = FlagValues<typeof signerFlags>;

/**
 * Reads the flags and the environment.
 * @throws CertfleetError invalid-argument that lists all problems
 */
export function readConfig(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): SignerConfig {
  return parseFlags(signerFlags, argv, env);
}

/** The text for `--help`. */
export function configHelp(): string {
  return `certfleet pod certificate signer: signs PodCertificateRequests by the PodCertificateSigners of the cluster.\n\n${describeFlags(signerFlags)}`;
}
