/**
 * The arrows of the house (docs/design/architecture.md): core <- wire, ports <- services, adapters <- daemon.
 * scripts/check-boundaries.mjs runs them; test/unit/architecture plants a violation of each and sees it found.
 */

/** Files of one room of src/ may import only from the room itself and from those allowed. */
const only = (name, room, allowed) => ({
  name,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: '^src/', pathNot: [room, ...allowed].map((other) => `^src/${other}(/|\\.ts$)`) },
});

/** Files of these rooms may import no package from the registry but those named. */
const packages = (name, rooms, allowed) => ({
  name,
  severity: 'error',
  from: { path: `^src/(${rooms.join('|')})/` },
  to: { path: 'node_modules/', pathNot: allowed.map((other) => `node_modules/${other}/`) },
});

module.exports = {
  forbidden: [
    // Types may refer to each other; what runs may not wait for each other while it is loaded.
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'core-is-pure',
      severity: 'error',
      from: { path: '^src/core/' },
      to: { pathNot: '^src/(core/|(secret|units)\\.ts$)' },
    },
    only('wire-knows-core', 'wire', ['core', 'errors', 'secret', 'units']),
    only('ports-know-core-and-wire', 'ports', ['core', 'wire', 'errors', 'secret', 'units']),
    only('services-know-ports', 'services', ['core', 'wire', 'ports', 'errors', 'secret', 'units']),
    only('adapters-know-ports', 'adapters', ['core', 'wire', 'ports', 'errors', 'package-files', 'secret', 'units']),
    only('metrics-know-ports', 'metrics', ['core', 'ports', 'errors', 'units']),
    only('config-stands-alone', 'config', ['core', 'errors', 'secret', 'units']),
    only('web-stands-alone', 'web', []),
    // The ports are there for the types of the local API's JSON; `run`, `check-config` and `demo` build the daemon.
    only('cli-talks-to-the-local-api', 'cli', [
      'config',
      'core',
      'wire',
      'ports',
      'errors',
      'package-files',
      'secret',
      'units',
      'daemon',
    ]),
    {
      name: 'roots-stand-alone',
      severity: 'error',
      from: { path: '^src/[^/]+\\.ts$' },
      to: { path: '^src/', pathNot: '^src/[^/]+\\.ts$' },
    },
    {
      name: 'services-do-not-touch-the-world',
      severity: 'error',
      from: { path: '^src/(services|ports|wire)/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|stream|stream/promises|events)$' },
    },
    packages('ports-and-web-need-no-packages', ['ports', 'web'], ['(?!)']),
    packages('wire-and-services-need-a-schema-library', ['wire', 'services'], ['valibot']),
    packages('metrics-need-a-registry', ['metrics'], ['prom-client']),
    packages('config-needs-few-packages', ['config'], ['valibot', 'dotenv', 'node-cron']),
    packages('cli-needs-few-packages', ['cli'], ['undici', '@peculiar/x509', 'reflect-metadata']),
    {
      // What a gateway with files never uses is not loaded, and what the database's client throws stays where it is judged.
      name: 'postgresql-is-one-adapter',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/adapters/postgresql/' },
      to: { path: 'node_modules/(@types/)?pg/' },
    },
    {
      name: 'nobody-imports-daemon',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(daemon/|cli/(run|check-config|demo)(\\.ts$|/))' },
      to: { path: '^src/daemon/' },
    },
    {
      name: 'nobody-imports-cli',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'src-does-not-know-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts)/' },
    },
    {
      name: 'no-dev-packages-at-run-time',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
