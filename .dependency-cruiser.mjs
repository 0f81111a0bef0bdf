// Who may import whom, and no cycles: `npm run check:imports`. A folder may import itself and what its row names, nothing
// else of this repository. A file belongs to the longest row that its path begins with; `/*` is the files directly in a
// folder. Packages of node_modules are not this table's concern: package.json names them, and knip compares.
const agent = 'apps/node-agent/src';
const controller = 'apps/renewal-controller/src';
const signer = 'apps/pod-certificate-signer/src';

const allowedImports = {
  'libs/shared': [],
  'libs/fleet-model': ['libs/shared'],
  'libs/operator-api': ['libs/fleet-model', 'libs/shared'],
  'libs/csi-client': ['libs/shared'],

  // The page knows the API alone.
  'apps/dashboard': ['libs/fleet-model', 'libs/operator-api', 'libs/shared'],

  // csi and fleet → volume → issuance, storage, mount, renewal → crypto → spec.
  'apps/node-agent/gen': [],
  [`${agent}/*`]: ['libs/shared', 'apps/node-agent'],
  [`${agent}/spec`]: ['libs/shared'],
  [`${agent}/kube`]: ['libs/shared'],
  [`${agent}/mount`]: ['libs/shared'],
  [`${agent}/observability`]: ['libs/fleet-model', 'libs/shared'],
  [`${agent}/renewal`]: ['libs/shared'],
  [`${agent}/crypto`]: ['libs/shared', `${agent}/spec`],
  [`${agent}/storage`]: ['libs/shared', `${agent}/mount`, `${agent}/spec`],
  [`${agent}/issuance`]: ['libs/fleet-model', 'libs/shared', `${agent}/crypto`, `${agent}/spec`],
  [`${agent}/local-ca`]: ['libs/shared', `${agent}/*`, `${agent}/crypto`, `${agent}/issuance`, `${agent}/spec`],
  [`${agent}/volume`]: [
    'libs/fleet-model',
    'libs/shared',
    `${agent}/crypto`,
    `${agent}/issuance`,
    `${agent}/mount`,
    `${agent}/observability`,
    `${agent}/renewal`,
    `${agent}/spec`,
    `${agent}/storage`,
  ],
  [`${agent}/fleet`]: [
    'libs/fleet-model',
    'libs/shared',
    `${agent}/crypto`,
    `${agent}/observability`,
    `${agent}/probe`,
    `${agent}/spec`,
    `${agent}/volume`,
  ],
  [`${agent}/probe`]: [
    'libs/fleet-model',
    'libs/shared',
    `${agent}/kube`,
    `${agent}/renewal`,
    `${agent}/spec`,
    `${agent}/volume`,
  ],
  [`${agent}/reload`]: [
    'libs/shared',
    `${agent}/kube`,
    `${agent}/observability`,
    `${agent}/renewal`,
    `${agent}/spec`,
    `${agent}/volume`,
  ],
  [`${agent}/trust`]: [
    'libs/shared',
    `${agent}/crypto`,
    `${agent}/kube`,
    `${agent}/renewal`,
    `${agent}/spec`,
    `${agent}/volume`,
  ],
  [`${agent}/csi`]: ['libs/shared', 'apps/node-agent/gen', `${agent}/volume`],

  // http and fleet-api → dispatch → lanes → fleet-index → redis.
  [`${controller}/*`]: ['libs/fleet-model', 'libs/operator-api', 'libs/shared', controller],
  [`${controller}/certificate-text`]: ['libs/shared'],
  [`${controller}/kube`]: ['libs/operator-api', 'libs/shared', `${controller}/intent`],
  [`${controller}/redis`]: ['libs/shared'],
  [`${controller}/redis-secret`]: ['libs/shared', `${controller}/identity`],
  [`${controller}/intent`]: ['libs/fleet-model', 'libs/shared'],
  [`${controller}/cli`]: ['libs/operator-api', 'libs/shared'],
  [`${controller}/fleet-index`]: ['libs/fleet-model', 'libs/operator-api', 'libs/shared', `${controller}/redis`],
  [`${controller}/lanes`]: ['libs/fleet-model', 'libs/shared', `${controller}/fleet-index`, `${controller}/redis`],
  [`${controller}/dispatch`]: [
    'libs/fleet-model',
    'libs/operator-api',
    'libs/shared',
    `${controller}/fleet-index`,
    `${controller}/lanes`,
    `${controller}/redis`,
  ],
  [`${controller}/lane-intent`]: [
    'libs/fleet-model',
    'libs/shared',
    `${controller}/dispatch`,
    `${controller}/fleet-index`,
    `${controller}/intent`,
    `${controller}/kube`,
    `${controller}/lanes`,
    `${controller}/redis`,
  ],
  [`${controller}/identity`]: ['libs/operator-api', 'libs/shared', `${controller}/fleet-index`, `${controller}/redis`],
  [`${controller}/audit`]: [
    'libs/operator-api',
    'libs/shared',
    `${controller}/identity`,
    `${controller}/intent`,
    `${controller}/kube`,
    `${controller}/redis`,
  ],
  [`${controller}/renewals`]: [
    'libs/operator-api',
    'libs/shared',
    `${controller}/audit`,
    `${controller}/dispatch`,
    `${controller}/fleet-index`,
    `${controller}/intent`,
    `${controller}/redis`,
  ],
  [`${controller}/rotations`]: [
    'libs/operator-api',
    'libs/shared',
    `${controller}/audit`,
    `${controller}/fleet-index`,
    `${controller}/intent`,
    `${controller}/pod-certificates`,
    `${controller}/redis`,
    `${controller}/renewals`,
    `${controller}/rollouts`,
  ],
  [`${controller}/rollouts`]: [
    'libs/shared',
    `${controller}/dispatch`,
    `${controller}/fleet-index`,
    `${controller}/redis`,
  ],
  [`${controller}/pod-certificates`]: [
    'libs/operator-api',
    'libs/shared',
    `${controller}/fleet-index`,
    `${controller}/redis`,
  ],
  [`${controller}/fleet-api`]: [
    'libs/fleet-model',
    'libs/shared',
    `${controller}/fleet-index`,
    `${controller}/identity`,
    `${controller}/redis`,
  ],
  [`${controller}/observability`]: [
    'libs/fleet-model',
    'libs/shared',
    `${controller}/dispatch`,
    `${controller}/fleet-index`,
    `${controller}/identity`,
    `${controller}/lanes`,
    `${controller}/pod-certificates`,
    `${controller}/redis`,
    `${controller}/renewals`,
    `${controller}/rotations`,
  ],
  [`${controller}/http`]: [
    'libs/fleet-model',
    'libs/operator-api',
    'libs/shared',
    `${controller}/*`,
    `${controller}/audit`,
    `${controller}/certificate-text`,
    `${controller}/dispatch`,
    `${controller}/fleet-api`,
    `${controller}/fleet-index`,
    `${controller}/identity`,
    `${controller}/kube`,
    `${controller}/lane-intent`,
    `${controller}/lanes`,
    `${controller}/pod-certificates`,
    `${controller}/redis`,
    `${controller}/renewals`,
    `${controller}/rotations`,
  ],

  // signing → issuers, observability, policy → requests; the kind names their terms.
  [`${signer}/*`]: ['libs/fleet-model', 'libs/shared', signer],
  [`${signer}/kind`]: ['libs/shared', `${signer}/requests`],
  [`${signer}/requests`]: ['libs/shared'],
  [`${signer}/policy`]: ['libs/shared', `${signer}/kind`, `${signer}/requests`],
  [`${signer}/issuers`]: ['libs/shared', `${signer}/kind`, `${signer}/policy`],
  [`${signer}/observability`]: ['libs/shared', `${signer}/policy`],
  [`${signer}/trust`]: ['libs/shared', `${signer}/kind`, `${signer}/policy`],
  [`${signer}/lanes`]: ['libs/fleet-model', 'libs/operator-api', 'libs/shared', `${signer}/signing`],
  [`${signer}/signing`]: [
    'libs/fleet-model',
    'libs/shared',
    `${signer}/issuers`,
    `${signer}/observability`,
    `${signer}/policy`,
    `${signer}/requests`,
  ],

  // Tests of whole programs, and what makes the machines for them.
  'e2e/tools': [],
  'e2e/support': ['e2e/tools'],
  'e2e/cluster': ['e2e/tools'],
  e2e: ['libs', 'apps/node-agent', 'apps/pod-certificate-signer', 'apps/renewal-controller', 'e2e'],
  scripts: ['libs', 'apps/node-agent', 'apps/pod-certificate-signer', 'apps/renewal-controller', 'e2e/tools'],
};

/** What the tests in a part may import: all of that part, the libraries, and what starts real servers. */
const allowedInTests = Object.fromEntries(
  ['apps/dashboard', 'apps/node-agent', 'apps/pod-certificate-signer', 'apps/renewal-controller', 'libs'].map(
    (part) => [part, [part, 'libs', 'e2e/support', 'scripts']],
  ),
);

const tests = String.raw`\.test\.tsx?$|/testing/`;
const pathOf = (folder) => (folder.endsWith('/*') ? `^${folder.slice(0, -1)}[^/]+$` : `^${folder}(/|$)`);
const folders = Object.keys(allowedImports);

/** The rows for folders inside of `folder`, whose files are theirs and not its. */
const inside = (folder) => folders.filter((other) => other !== folder && other.startsWith(`${folder}/`)).map(pathOf);

/** Forbids all imports from `from` but those of packages, of itself and of what is allowed. */
const rule = (name, from, allowed) => ({
  name,
  severity: 'error',
  comment: `${name} may import ${allowed.length === 0 ? 'nothing but packages' : allowed.join(', ')}`,
  from,
  to: { path: '^(apps|libs|e2e|scripts)/', pathNot: allowed.map(pathOf) },
});

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-tests-in-production',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: tests },
      to: { path: tests },
    },
    // What cannot be resolved would escape the table.
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'every-file-in-the-table',
      severity: 'error',
      from: { pathNot: ['node_modules', tests, ...folders.map(pathOf)] },
      to: {},
    },
    ...Object.entries(allowedImports).map(([folder, allowed]) =>
      rule(
        folder,
        { path: pathOf(folder), pathNot: [...(/^(apps|libs)/.test(folder) ? [tests] : []), ...inside(folder)] },
        folder.endsWith('/*') ? allowed : [folder, ...allowed],
      ),
    ),
    ...Object.entries(allowedInTests).map(([part, allowed]) =>
      rule(`tests of ${part}`, { path: `^${part}/.*(${tests})` }, allowed),
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: String.raw`(^|/)(dist|\.turbo)/` },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
};
