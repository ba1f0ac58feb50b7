import tseslint from 'typescript-eslint';

/** Rules about syntax hold everywhere; a later block that sets the same rule replaces this one, so it repeats the list. */
const HOUSE_SYNTAX = [
  { selector: 'ExportDefaultDeclaration', message: 'Named exports only: a name that a reader can search for.' },
  { selector: 'ExportAllDeclaration', message: 'No barrels: import from the file that has it.' },
  { selector: 'TSEnumDeclaration', message: 'Use a union of literals.' },
  { selector: "CallExpression[callee.name='setInterval']", message: 'A loop awaits clock.sleep(ms, signal).' },
  { selector: "CallExpression[callee.property.name='setInterval']", message: 'A loop awaits clock.sleep(ms, signal).' },
  { selector: "ImportSpecifier[imported.name='setInterval']", message: 'A loop awaits clock.sleep(ms, signal).' },
  { selector: 'ImportDeclaration[source.value=/^[.].*[.]js$/]', message: 'Import the .ts file; the build renames it.' },
];

const NO_CLOCK = [
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'No clock here: now is an argument.' },
  { selector: "CallExpression[callee.name='Date']", message: 'No clock here: now is an argument.' },
];
const NO_CLOCK_PROPERTIES = [
  { object: 'Date', property: 'now', message: 'No clock here: now is an argument, or comes from the Clock port.' },
  { object: 'Math', property: 'random', message: 'No randomness here: it is an argument.' },
];
const WORLD = ['process', 'performance', 'setTimeout', 'setInterval', 'setImmediate', 'fetch', 'console'];

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', '.build-*/', '**/*.{js,cjs,mjs}', 'opt/'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      // CI must not look at files once and for all: a test lints texts that it planted in their place.
      parserOptions: {
        project: './tsconfig.json',
        tsconfigRootDir: import.meta.dirname,
        disallowAutomaticSingleRunInference: true,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      // An async function without await turns a throw into a rejection, which is what its caller handles.
      '@typescript-eslint/require-await': 'off',
      'no-control-regex': 'error',
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'] }],
      'max-lines': ['error', { max: 500, skipComments: false }],
      'max-params': ['error', 4],
      'no-restricted-syntax': ['error', ...HOUSE_SYNTAX],
    },
  },
  {
    // The core decides: values in, values out.
    files: ['src/core/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...WORLD, 'queueMicrotask', 'crypto', 'globalThis', 'Buffer'],
      'no-restricted-properties': ['error', ...NO_CLOCK_PROPERTIES],
      'no-restricted-syntax': [
        'error',
        ...HOUSE_SYNTAX,
        ...NO_CLOCK,
        { selector: 'AwaitExpression', message: 'The core decides; it does not wait.' },
        { selector: 'ForOfStatement[await=true]', message: 'The core decides; it does not wait.' },
        { selector: ':function[async=true]', message: 'The core decides; it does not wait.' },
        { selector: "Identifier[name='Promise']", message: 'The core decides; it does not wait.' },
      ],
    },
  },
  {
    // The loops wait, but on the Clock port alone: so the simulator can run them on a virtual clock.
    files: ['src/services/**/*.ts', 'src/wire/**/*.ts', 'src/ports/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...WORLD],
      'no-restricted-properties': ['error', ...NO_CLOCK_PROPERTIES],
      'no-restricted-syntax': ['error', ...HOUSE_SYNTAX, ...NO_CLOCK],
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts'],
    rules: {
      // chai's assertions are expressions, and a test may know that something is there.
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      'max-lines': 'off',
    },
  },
);
