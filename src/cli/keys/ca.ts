import { commandGroup } from '../subcommands.ts';

export const caCommand = commandGroup({
  name: 'keys ca',
  help: `\
crossdc keys ca COMMAND

  init      an authority for mutual TLS: ca.key and ca.crt
  issue     a data centre's key and certificate, signed by that authority

crossdc keys ca COMMAND --help shows a command's options.
`,
  commands: {
    init: async () => (await import('./ca-init.ts')).caInitCommand,
    issue: async () => (await import('./ca-issue.ts')).caIssueCommand,
  },
});
