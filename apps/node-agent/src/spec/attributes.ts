import { optional, withDefault } from './attribute.ts';
import type { Attribute } from './attribute.ts';
import { keystoreAttributes } from './keystore-attributes.ts';
import {
  anyText,
  lenientDnsNames,
  lenientFileName,
  lenientIpAddresses,
  lenientKeyUsages,
  lenientSubjectValues,
  lenientUris,
} from './lenient-values.ts';
import { parseLiteralSubject } from './literal-subject.ts';
import { parseDnsNames, parseIpAddresses, parseKeyUsages, parseSubjectValues, parseUris } from './name-values.ts';
import { parsePort, parseServerName } from './probe-spec.ts';
import { parseContainerNames, parseReloadSignal } from './reload-values.ts';
import { parseBundleName, parseConfigMapKey, parseConfigMapName } from './trust-names.ts';
import {
  oneOf,
  parseBoolean,
  parseDuration,
  parseFileName,
  parseGroupId,
  parseInteger,
  parseMode,
  parsePositiveDuration,
  parseUserId,
  plainText,
} from './scalar-values.ts';

/** The group of every attribute in the table. */
export const attributeGroup = 'csi.cert-manager.io';

/** The parsers of a list, for new and for existing volumes. */
type ListParsers = readonly [parse: (text: string) => readonly string[], lenient: (text: string) => readonly string[]];

const subjectValues: ListParsers = [parseSubjectValues, lenientSubjectValues];

function nameList(name: string, [parse, lenient]: ListParsers, help: string): Attribute<readonly string[]> {
  return Object.freeze({ name, lenient, defaultText: '', unset: Object.freeze([]), expands: true, parse, help });
}

const csv = 'CSV line; quote a value that contains a comma';

/** Every volume attribute. The parser and docs/reference/attributes.md both use this table. */
export const attributes = Object.freeze({
  issuerName: Object.freeze<Attribute<string>>({
    name: 'issuer-name',
    required: true,
    defaultText: 'required',
    unset: '',
    help: 'Name of the issuer.',
    lenient: anyText,
    parse: plainText(253),
  }),
  issuerKind: withDefault('Issuer', {
    name: 'issuer-kind',
    help: '`Issuer`, `ClusterIssuer`, or the kind of an external issuer.',
    lenient: anyText,
    parse: plainText(253),
  }),
  issuerGroup: withDefault('cert-manager.io', {
    name: 'issuer-group',
    help: 'API group of the issuer.',
    lenient: anyText,
    parse: plainText(253),
  }),
  commonName: optional({
    name: 'common-name',
    expands: true,
    help: 'Common name of the subject. Some issuers refuse more than 64 characters.',
    lenient: anyText,
    parse: plainText(1024),
  }),
  literalSubject: optional({
    name: 'literal-subject',
    expands: true,
    help:
      'The whole subject as an RFC 4514 string, such as `CN=web,OU=shop,O=Acme`. ' +
      'Excludes common-name and every other attribute of the subject.',
    parse: parseLiteralSubject,
  }),
  organizations: nameList('organizations', subjectValues, `Organizations (O). ${csv}.`),
  organizationalUnits: nameList('organizationalunits', subjectValues, `Organizational units (OU). ${csv}.`),
  countries: nameList('countries', subjectValues, `Countries (C), two letters each. ${csv}.`),
  provinces: nameList('provinces', subjectValues, `States or provinces (ST). ${csv}.`),
  localities: nameList('localities', subjectValues, `Localities (L). ${csv}.`),
  streetAddresses: nameList('streetaddresses', subjectValues, `Street addresses (STREET). ${csv}.`),
  postalCodes: nameList('postalcodes', subjectValues, `Postal codes (POSTALCODE). ${csv}.`),
  serialNumber: optional({
    name: 'serialnumber',
    help: 'Serial number of the subject (SERIALNUMBER).',
    lenient: anyText,
    parse: plainText(1024),
  }),
  dnsNames: nameList('dns-names', [parseDnsNames, lenientDnsNames], 'DNS names, comma separated. Wildcards are legal.'),
  uriSans: nameList('uri-sans', [parseUris, lenientUris], 'URIs with a scheme, comma separated.'),
  ipSans: nameList(
    'ip-sans',
    [parseIpAddresses, lenientIpAddresses],
    'IPv4 and IPv6 addresses, comma separated. `${POD_IPS}` requests all addresses of the pod.',
  ),
  duration: optional(
    {
      name: 'duration',
      help: 'Lifetime to request, a Go duration such as `1h30m`, `90s` or `1.5h`. Must be greater than 0.',
      parse: parsePositiveDuration,
    },
    "the fleet's default, 720h unless the chart sets another",
  ),
  renewBefore: optional(
    {
      name: 'renew-before',
      help: 'How long before the end of the certificate to renew, a Go duration. Ignored unless it is shorter than the lifetime.',
      parse: parseDuration,
    },
    "a third of the certificate's actual lifetime",
  ),
  isCa: withDefault('false', {
    name: 'is-ca',
    help: '`true` requests a certificate authority.',
    parse: parseBoolean,
  }),
  keyUsages: withDefault('digital signature,key encipherment', {
    name: 'key-usages',
    help: "Usages of cert-manager's API, comma separated (listed below).",
    lenient: lenientKeyUsages,
    parse: parseKeyUsages,
  }),
  keyAlgorithm: withDefault('RSA', {
    name: 'key-algorithm',
    help: '`RSA`, `ECDSA` or `Ed25519`, in any case.',
    parse: oneOf(['RSA', 'ECDSA', 'Ed25519']),
  }),
  keySize: optional(
    {
      name: 'key-size',
      help: 'Bits: 2048 to 8192 for RSA; 256, 384 or 521 for ECDSA. Ed25519 has one size only and takes none.',
      parse: parseInteger,
    },
    'RSA 2048, ECDSA 256',
  ),
  keyEncoding: optional(
    {
      name: 'key-encoding',
      help: '`PKCS1` (RSA only) or `PKCS8`, in any case.',
      parse: oneOf(['PKCS1', 'PKCS8']),
    },
    'RSA PKCS1, others PKCS8',
  ),
  reusePrivateKey: withDefault('false', {
    name: 'reuse-private-key',
    help: '`true` keeps the same key through every renewal.',
    parse: parseBoolean,
  }),
  certificateFile: withDefault('tls.crt', {
    name: 'certificate-file',
    help: 'File of the certificate chain.',
    lenient: lenientFileName,
    parse: parseFileName,
  }),
  caFile: withDefault('ca.crt', {
    name: 'ca-file',
    help: "File of the issuer's CA; empty if the issuer returns none.",
    lenient: lenientFileName,
    parse: parseFileName,
  }),
  privateKeyFile: withDefault('tls.key', {
    name: 'privatekey-file',
    help: 'File of the private key.',
    lenient: lenientFileName,
    parse: parseFileName,
  }),
  combinedPemFile: optional({
    name: 'combined-pem-file',
    help: 'Additional file with the private key followed by the certificate chain, for programs that need one file. None unless set.',
    lenient: lenientFileName,
    parse: parseFileName,
  }),
  reloadMarkerFile: optional({
    name: 'reload-marker-file',
    help:
      'Additional file with the SHA-256 of the certificate and of the CA file, written in place after the other files ' +
      'when one of them changes. For programs that reload when one file changes. None unless set.',
    lenient: lenientFileName,
    parse: parseFileName,
  }),
  reloadSignal: optional({
    name: 'reload-signal',
    help:
      '`SIGHUP`, `SIGUSR1` or `SIGUSR2`: the signal that the agent sends to process 1 of the containers of the pod after ' +
      "each change of the files. Needs the chart's `app.driver.reloadSignals.enabled`. None unless set.",
    parse: parseReloadSignal,
  }),
  reloadContainers: Object.freeze<Attribute<readonly string[]>>({
    name: 'reload-containers',
    defaultText: 'all containers',
    unset: Object.freeze([]),
    help: 'Names of the containers that get the signal, comma separated. Needs reload-signal.',
    parse: parseContainerNames,
  }),
  reloadRollout: withDefault('false', {
    name: 'reload-rollout',
    help:
      '`true` rolls the Deployment, StatefulSet or DaemonSet of the pod after each change of the files, as `kubectl rollout ' +
      "restart` does. Needs the chart's `controller.rollouts.enabled`.",
    parse: parseBoolean,
  }),
  fsGroup: optional(
    {
      name: 'fs-group',
      help: "Group that owns the files, 1 to 4294967295. Overrides the pod's fsGroup.",
      parse: parseGroupId,
    },
    "the pod's `securityContext.fsGroup`",
  ),
  fsUser: optional(
    {
      name: 'fs-user',
      help: 'User that owns the files, 0 to 4294967294. For programs that refuse a key file of another user.',
      parse: parseUserId,
    },
    'root',
  ),
  defaultMode: withDefault('0440', {
    name: 'default-mode',
    help: 'Permission bits of the files, octal as in `defaultMode` of a Secret volume, `0000` to `0777`. They are used as they are: a group does not add any.',
    parse: parseMode,
  }),
  probePort: optional({
    name: 'probe-port',
    help:
      'TCP port on which the pod serves the certificate with TLS. The agent then checks that the server has loaded each ' +
      "renewed certificate. Needs the chart's `app.driver.probe.enabled`. No checks unless set.",
    parse: parsePort,
  }),
  probeServerName: optional({
    name: 'probe-server-name',
    expands: true,
    help: 'DNS name that the check sends as TLS server name (SNI). Needs probe-port. None unless set.',
    parse: parseServerName,
  }),
  privateKeyMode: optional(
    {
      name: 'privatekey-mode',
      help: 'Permission bits of the files that contain the private key or a password.',
      parse: parseMode,
    },
    'default-mode',
  ),
  trustConfigMapName: optional({
    name: 'trust-configmap-name',
    help:
      "ConfigMap of the pod's namespace whose CA certificates are added to the CA file, the truststores and the keystores. " +
      "Changes reach the running pod. Needs the chart's `app.driver.additionalTrust.enabled`. None unless set.",
    parse: parseConfigMapName,
  }),
  trustConfigMapKey: withDefault('ca.crt', {
    name: 'trust-configmap-key',
    help: 'Key of that ConfigMap, with certificates in PEM.',
    parse: parseConfigMapKey,
  }),
  trustClusterBundleName: optional({
    name: 'trust-cluster-bundle-name',
    help:
      'ClusterTrustBundle (certificates.k8s.io) whose CA certificates are added in the same way. Needs the same value. ' +
      'None unless set.',
    parse: parseBundleName,
  }),
  ...keystoreAttributes,
});
