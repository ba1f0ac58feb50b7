/** Calls `first` at the first SIGTERM or SIGINT and `second` at the next one. @returns a function that stops listening */
export function onSignals(first: (signal: string) => void, second: (signal: string) => void): () => void {
  let isFirst = true;
  const handle = (signal: NodeJS.Signals): void => {
    if (isFirst) first(signal);
    else second(signal);
    isFirst = false;
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
  return () => {
    process.off('SIGTERM', handle);
    process.off('SIGINT', handle);
  };
}
