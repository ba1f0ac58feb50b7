/**
 * Calls `first` at the first SIGTERM, SIGINT or SIGHUP (a terminal that goes away) and `second` at the next one.
 * @returns a function that stops listening
 */
export function onSignals(first: (signal: string) => void, second: (signal: string) => void): () => void {
  let isFirst = true;
  const handle = (signal: NodeJS.Signals): void => {
    if (isFirst) first(signal);
    else second(signal);
    isFirst = false;
  };
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, handle);
  return () => {
    for (const signal of signals) process.off(signal, handle);
  };
}
