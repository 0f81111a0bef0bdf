// Typed linting for the whole tree. Who may import whom is in .dependency-cruiser.mjs.
import lingui from 'eslint-plugin-lingui';
import tseslint from 'typescript-eslint';

/** Attributes and properties with words of HTML, SVG, CSS and the API instead of texts. */
const technicalNames = [
  /^(class|className|key|id|href|rel|type|role|name|d|viewBox|path|style|color|icon|tone|frame|layout|event|headers)$/,
  /^(aria-(live|sort|current|haspopup|controls|labelledby|describedby|activedescendant|keyshortcuts))$/,
];
const literal = ':matches(Literal[value=/[a-z]/i], TemplateLiteral > TemplateElement[value.raw=/[a-z]/i])';
const inCatalogue = 'Texts of the page are messages: add one to apps/dashboard/src/messages/en.ts.';

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
  {
    files: ['apps/**/*.{ts,tsx}', 'libs/**/*.{ts,tsx}'],
    // A suite of cases is one function.
    ignores: ['**/*.test.ts'],
    rules: { 'max-lines': ['error', 300], 'max-lines-per-function': ['error', 60] },
  },
  { files: ['apps/**/*.test.ts', 'libs/**/*.test.ts'], rules: { 'max-lines': ['error', 500] } },
  {
    files: ['**/*.test.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...['Program', 'Program > ForOfStatement > BlockStatement'].map((parent) => ({
          selector: `${parent} > ExpressionStatement > CallExpression[callee.name=/^(test|it)$/]`,
          message: 'Cases are in a `describe` that names the unit.',
        })),
      ],
    },
  },
  {
    files: ['apps/dashboard/src/**/*.{ts,tsx}'],
    ignores: ['**/*.test.ts', 'apps/dashboard/src/messages/**'],
    plugins: { lingui },
    rules: {
      // Everything that reads like a text: more than one word, or a capital letter.
      'lingui/no-unlocalized-strings': [
        'error',
        {
          ignore: [
            // Words of vocabularies, names of code, addresses and selectors.
            '^([^A-Z\\s]*|[a-z#.:/?][^\\s]*)$',
            '^[#.][a-z-]+ [a-z]',
            '^\\(prefers-',
            // SVG.
            '^(M[\\d.]|[LMHV0 ]+$|<svg )',
            // Commands.
            '^(kubectl (create|describe|get) |certfleet (list|show|rotations)\\b)',
            // Values of protocols and of the API.
            '^(GET|POST|DELETE|T|Z|\\.000Z|%2[CF]|⟨U\\+.*| ?UTC|Etc/UTC|client auth|dry run)$',
          ],
          ignoreNames: technicalNames.map(({ source: pattern }) => ({ regex: { pattern } })),
          ignoreFunctions: ['Error', '*.matches'],
          useTsTypes: true,
        },
      ],
      // Single words where only texts can be.
      'no-restricted-syntax': [
        'error',
        ...[
          'JSXElement:not([openingElement.name.name=/^(code|kbd)$/]) > JSXText[value=/[a-z]/i]',
          `JSXElement > JSXExpressionContainer > ${literal}`,
          `JSXElement > JSXExpressionContainer > :matches(ConditionalExpression, LogicalExpression) > ${literal}`,
          `JSXAttribute[name.name=/^(alt|label|placeholder|title|caption|action|note|meaning|reasonHint|aria-label|aria-valuetext)$/] > ${literal}`,
          `Property[key.name=/^(title|text|note|meaning)$/] > ${literal}`,
        ].map((selector) => ({ selector, message: inCatalogue })),
      ],
    },
  },
  // All messages of a language are one file.
  {
    files: ['apps/dashboard/src/messages/{en,translations/*}.ts'],
    // The type of English is that of all languages.
    rules: {
      'max-lines': 'off',
      'max-lines-per-function': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },
  {
    files: ['apps/dashboard/src/messages/translations/*.ts'],
    rules: {
      // The page waits for its translation before it starts, and the translation would wait for the page.
      'no-restricted-syntax': [
        'error',
        { selector: "ImportDeclaration[importKind!='type']", message: 'A translation imports only types.' },
      ],
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
);
