import { commandGroup } from './subcommands.ts';

export const snapshotsCommand = commandGroup({
  name: 'snapshots',
  help: `\
crossdc snapshots COMMAND

  list      what is outgoing, or held from a peer
  get       write a snapshot's bytes to stdout or a file
  put       post a snapshot, as the application does
  delete    withdraw an origin here and at the peers
  request   ask the application for snapshots now

crossdc snapshots COMMAND --help shows a command's options.
`,
  commands: {
    list: async () => (await import('./snapshots/list.ts')).listCommand,
    get: async () => (await import('./snapshots/get.ts')).getCommand,
    put: async () => (await import('./snapshots/put.ts')).putCommand,
    delete: async () => (await import('./snapshots/delete.ts')).deleteCommand,
    request: async () => (await import('./snapshots/request.ts')).requestCommand,
  },
});
