/** The linter's rules: only lib/http sends requests, every promise is awaited, and names and prose use plain words. */

import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { plainWords } from './scripts/words.mjs';

const waysOut = {
  regex:
    '^(node:)?(http|https|http2|net|tls|dns|dgram|module)(/.*)?$|^(undici|axios|got|node-fetch|oauth)(/.*)?$',
  allowTypeImports: true,
  message: 'Only lib/http talks to the network.',
};

const dynamicImport = {
  selector: 'ImportExpression',
  message: 'Import at the top of the file, where the linter sees what is imported.',
};

const privateField = {
  selector: 'PrivateIdentifier',
  message:
    'Passport works on Object.create(strategy), which has none of the #private fields. Use a TypeScript private.',
};

export default defineConfig(
  {
    ignores: ['**/dist/', '**/.next/', 'coverage/', 'example/astro/', 'example/sveltekit/'],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['**/*.{ts,mts,cts}'],
    extends: [tseslint.configs.recommended],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', name: 'test', package: 'node:test' }] },
      ],
      '@typescript-eslint/no-namespace': ['error', { allowDeclarations: true }],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-require-imports': ['error', { allow: ['/package\\.json$'] }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrors: 'none' }],
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      // Without `await`, a rejection passes by the `catch` around it.
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
    },
  },
  {
    files: ['lib/**'],
    rules: {
      // Global fetch has no lookup of ours, so even lib/http must not use it.
      'no-restricted-globals': [
        'error',
        {
          globals: ['fetch', 'XMLHttpRequest', 'WebSocket', 'EventSource'].map((name) => ({
            name,
            message: waysOut.message,
          })),
          checkGlobalObject: true,
        },
      ],
    },
  },
  {
    files: ['lib/**'],
    // The service and the testing instance listen; the service and the stores load optional packages where they use them.
    ignores: ['lib/http/**', 'lib/service/**', 'lib/stores/**', 'lib/testing/**'],
    rules: {
      '@typescript-eslint/no-restricted-imports': ['error', { patterns: [waysOut] }],
      'no-restricted-syntax': ['error', dynamicImport],
    },
  },
  {
    ignores: ['scripts/words.mjs'],
    plugins: { project: plainWords },
    rules: { 'project/plain-words': 'error' },
  },
  {
    files: ['lib/passport/strategy.ts'],
    rules: { 'no-restricted-syntax': ['error', dynamicImport, privateField] },
  },
  {
    // Loads what only its own entry point needs, and only when it is used.
    files: ['lib/issuer/oidc-provider.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: ['example/**', 'scripts/**', 'test/node/**', 'test/mutation/run.mjs'],
    rules: { 'no-console': 'off' },
  },
  {
    // Their packages are not installed here, so that nothing is known of what their errors are made of.
    files: ['example/nest*/**'],
    rules: { '@typescript-eslint/only-throw-error': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-require-imports': ['error', { allow: ['/example/'] }],
      // Express 5 takes async handlers, and passes what they reject with to next().
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
    },
  },
  {
    // TypeScript does not look at these.
    files: ['**/*.{js,cjs,mjs}'],
    languageOptions: {
      globals: Object.fromEntries(Object.getOwnPropertyNames(globalThis).map((name) => [name, 'readonly'])),
    },
    rules: {
      'no-dupe-keys': 'error',
      'no-undef': 'error',
      'no-unreachable': 'error',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrors: 'none' }],
      'no-use-before-define': ['error', { functions: false, classes: false }],
    },
  },
  {
    files: ['**/*.{js,cjs}'],
    languageOptions: { sourceType: 'commonjs', globals: { __dirname: 'readonly', __filename: 'readonly' } },
  },
  {
    // Next.js reads them so.
    files: ['example/nextjs/**'],
    languageOptions: { sourceType: 'module', parserOptions: { ecmaFeatures: { jsx: true } } },
  },
);
