// Files, exports and dependencies that nothing uses: `npm run check:unused`. What is generated into gen/ is not looked at
// (knip respects .gitignore), so what it alone imports is named here.
const ofGeneratedCode = ['@bufbuild/protobuf'];

export default {
  // Packages of this repository export all of their files, which would make every file an entry.
  includeEntryExports: true,
  // Programs of the operating system: the tests install them, or are skipped by name without.
  exclude: ['binaries'],
  workspaces: {
    '.': {
      // generate-proto.ts runs these by the paths of their programs.
      ignoreDependencies: ['@bufbuild/buf', 'ts-proto'],
      entry: ['scripts/*.{ts,mjs}', 'scripts/**/*.test.ts', 'scripts/single-machine/demo.ts'],
      project: ['scripts/**/*.{ts,mjs}'],
    },
    'apps/node-agent': {
      ignoreDependencies: ofGeneratedCode,
      entry: ['src/**/{main,*.test}.ts'],
      project: ['src/**/*.ts'],
    },
    'apps/renewal-controller': { entry: ['src/**/*.test.ts'], project: ['src/**/*.ts'] },
    'apps/pod-certificate-signer': { entry: ['src/**/*.test.ts'], project: ['src/**/*.ts'] },
    'apps/dashboard': { entry: ['src/main.tsx', 'src/**/*.test.ts'], project: ['{src,build}/**/*.{ts,tsx}'] },
    'libs/csi-client': { ignoreDependencies: ofGeneratedCode, project: ['src/**/*.ts'] },
    'libs/fleet-model': { entry: ['src/**/*.test.ts'], project: ['src/**/*.ts'] },
    'libs/operator-api': { entry: ['src/**/*.test.ts'], project: ['src/**/*.ts'] },
    'libs/shared': { ignoreDependencies: ofGeneratedCode, entry: ['src/**/*.test.ts'], project: ['src/**/*.ts'] },
    e2e: {
      entry: [
        '**/main.ts',
        '**/*.test.ts',
        // Started as processes of their own.
        'agent/{die-at-call,pod-reader}.ts',
        'bench/{bare-nodes,floor-client}.ts',
        'cluster/testing/keep-cluster.ts',
        'fleet/chaos/agents/host-process.ts',
        'fleet/kubelets/kubelet-host.ts',
        'fleet/support/vanished-redis.ts',
      ],
      project: ['**/*.ts'],
    },
  },
};
