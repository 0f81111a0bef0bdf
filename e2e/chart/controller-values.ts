export const withoutController = { 'controller.enabled': false } as const;

/** The controller with an external Redis, with all its values set, and an external issuer. */
export const externalRedisValues = {
  'controller.certificate.issuerRef': { kind: 'ClusterIssuer', name: 'corporate' },
  'controller.redis.install': false,
  'controller.redis.external': {
    url: 'rediss+sentinel://s1.example.com,s2.example.com:26380/main/3',
    nodeUrl: 'rediss://redis.example.com:6380',
    ports: [6380, 26379, 26380],
    username: 'certfleet',
    passwordSecretRef: { name: 'redis-user', key: 'secret' },
    sentinelUsername: 'sentinel',
    sentinelPasswordSecretRef: { name: 'redis-sentinel', key: 'secret' },
    caSecretRef: { name: 'redis-ca', key: 'root.pem' },
    clientCertificateSecret: 'redis-client',
    nodeClientCertificateSecret: 'redis-agents-client',
    serverName: 'redis.internal',
    prefix: 'blue',
    nodeAccess: 'shared',
    nodeUsername: 'agents',
    nodePasswordSecretRef: { name: 'redis-agents', key: 'secret' },
    nodeSentinelUsername: 'asking',
    nodeSentinelPasswordSecretRef: { name: 'redis-asking', key: 'secret' },
  },
} as const;
