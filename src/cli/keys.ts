import { commandGroup } from './subcommands.ts';

export const keysCommand = commandGroup({
  name: 'keys',
  help: `\
crossdc keys COMMAND

  generate    a shared key, pairs of keys, or a key that encrypts what is stored
  rotate      put a new key in the place of an old one, in three steps without a gap
  ca init     an authority for mutual TLS
  ca issue    a data centre's certificate, signed by that authority
  inspect     what is in files of keys and certificates, and until when it is valid

crossdc keys COMMAND --help shows a command's options.
`,
  commands: {
    generate: async () => (await import('./keys/generate.ts')).generateCommand,
    rotate: async () => (await import('./keys/rotate.ts')).rotateCommand,
    ca: async () => (await import('./keys/ca.ts')).caCommand,
    inspect: async () => (await import('./keys/inspect.ts')).inspectCommand,
  },
});
