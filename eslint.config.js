// Typed linting for the whole tree. The import rules hold the direction of the arrows: apps use libs/shared,
// never each other; inside the agent csi → volume → issuance, storage, mount; renewal → volume, issuance.
import tseslint from 'typescript-eslint';

/** Forbids importing the named sibling folders from the files of `folder`. */
const forbid = (folder, siblings, message) => ({
  files: [`${folder}/**/*.{ts,tsx}`],
  rules: {
    'no-restricted-imports': ['error', { patterns: [{ group: siblings.map((name) => `**/${name}/**`), message }] }],
  },
});
const agent = 'apps/node-agent/src';

export default tseslint.config(
  { ignores: ['**/node_modules/**', '**/dist/**', '**/gen/**', '**/.turbo/**'] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['*.js', 'scripts/*.mjs'] } } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      complexity: ['error', 12],
      'max-params': ['error', 4],
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            {
              from: 'package',
              name: ['test', 'it', 'describe', 'suite', 'before', 'after', 'beforeEach', 'afterEach'],
              package: 'node:test',
            },
          ],
        },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      // Promise.withResolvers<void>() is how a promise without a value is made.
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  { files: ['scripts/**', 'e2e/**', '**/*.test.ts'], rules: { 'no-console': 'off' } },
  { files: ['**/*.js', '**/*.mjs'], ...tseslint.configs.disableTypeChecked },
  forbid(
    'apps/node-agent',
    ['renewal-controller'],
    'apps never import each other; what both need lives in libs/shared',
  ),
  forbid(
    'apps/renewal-controller',
    ['node-agent'],
    'apps never import each other; what both need lives in libs/shared',
  ),
  forbid('apps/dashboard', ['node-agent', 'renewal-controller'], 'the page knows the API of libs/operator-api alone'),
  forbid(
    `${agent}/spec`,
    ['csi', 'volume', 'issuance', 'storage', 'mount', 'renewal', 'kube', 'crypto', 'observability'],
    'spec stands on libs/shared alone',
  ),
  forbid(
    `${agent}/crypto`,
    ['csi', 'volume', 'issuance', 'storage', 'mount', 'renewal', 'kube', 'observability'],
    'crypto knows keys and certificates only',
  ),
  forbid(
    `${agent}/storage`,
    ['csi', 'volume', 'issuance', 'renewal', 'kube', 'observability'],
    'storage knows files only',
  ),
  forbid(
    `${agent}/mount`,
    ['csi', 'volume', 'issuance', 'storage', 'renewal', 'kube', 'observability'],
    'mount knows mounts only',
  ),
  forbid(
    `${agent}/kube`,
    ['csi', 'volume', 'issuance', 'storage', 'mount', 'renewal', 'crypto', 'observability'],
    'kube knows the API server only',
  ),
  forbid(`${agent}/issuance`, ['csi', 'volume', 'mount', 'renewal'], 'issuance is below volume'),
  forbid(`${agent}/volume`, ['csi', 'fleet'], 'csi and fleet are above volume'),
  forbid(`${agent}/fleet`, ['csi', 'mount', 'kube'], 'fleet reports on volumes and renews them through volume'),
  forbid(`${agent}/renewal`, ['csi', 'mount'], 'renewal drives volumes, it never mounts'),
);
