/** What a command's exit status says (interface §1); 69 and 78 are EX_UNAVAILABLE and EX_CONFIG of sysexits(3). */
export const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 69, badConfiguration: 78 } as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** The end of a command that did not do what was asked: its message is all that a person sees, on stderr. */
export class CliError extends Error {
  readonly status: ExitStatus;

  constructor(status: ExitStatus, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CliError';
    this.status = status;
  }
}

/** The command line itself is wrong: nothing was tried. */
export function usageError(message: string): CliError {
  return new CliError(EXIT.usage, message);
}
