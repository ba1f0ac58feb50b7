export interface SignalHandlers {
  /** The first SIGTERM or SIGINT. */
  readonly stop: (signal: string) => void;
  /** The next one. */
  readonly stopAtOnce: (signal: string) => void;
  /** SIGHUP, as daemons take it; from a terminal that goes away it is a signal to stop. */
  readonly renew: () => void;
}

/** @returns a function that stops listening */
export function onSignals({ stop, stopAtOnce, renew }: SignalHandlers): () => void {
  let isFirst = true;
  const end = (signal: NodeJS.Signals): void => {
    if (isFirst) stop(signal);
    else stopAtOnce(signal);
    isFirst = false;
  };
  const hangUp = (signal: NodeJS.Signals): void => {
    if (process.stdin.isTTY || process.stderr.isTTY) end(signal);
    else renew();
  };
  process.on('SIGTERM', end).on('SIGINT', end).on('SIGHUP', hangUp);
  return () => {
    process.off('SIGTERM', end).off('SIGINT', end).off('SIGHUP', hangUp);
  };
}
