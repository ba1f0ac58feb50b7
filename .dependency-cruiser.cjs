/** The arrows of the house: core <- wire, ports <- services, adapters <- daemon. */
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: `^src/${from}/` },
  to: { path: '^src/', pathNot: [from, ...allowed].map((room) => `^src/${room}(/|\\.ts$)`) },
});
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'core-is-pure', severity: 'error', from: { path: '^src/core/' }, to: { pathNot: '^src/(core/|units)' } },
    only('wire-knows-core', 'wire', ['core', 'errors', 'units']),
    only('ports-know-core-and-wire', 'ports', ['core', 'wire', 'errors', 'units']),
    only('services-know-ports', 'services', ['core', 'wire', 'ports', 'errors', 'units']),
    only('adapters-know-ports', 'adapters', ['core', 'wire', 'ports', 'errors', 'units']),
    only('metrics-know-ports', 'metrics', ['core', 'ports', 'units']),
    only('config-stands-alone', 'config', ['core', 'errors', 'units']),
    only('web-stands-alone', 'web', []),
    only('cli-talks-to-the-local-api', 'cli', ['config', 'core', 'errors', 'units', 'daemon']),
    { name: 'services-do-not-touch-the-world', severity: 'error', from: { path: '^src/(services|ports|wire)/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|stream|stream/promises|events)$' } },
    { name: 'nobody-imports-daemon', severity: 'error', from: { path: '^src/', pathNot: '^src/(daemon/|cli/(run|check-config|demo)\\.ts$)' }, to: { path: '^src/daemon/' } },
    { name: 'nobody-imports-cli', severity: 'error', from: { path: '^src/', pathNot: '^src/cli/' }, to: { path: '^src/cli/' } },
    { name: 'src-does-not-know-tests', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|bench)/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
