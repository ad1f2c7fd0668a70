/**
 * Makes of a slow function one that can be called as often as a slider moves: while one call is under way, only the newest of
 * those that come in waits.
 * @param onError - is told what goes wrong
 */
export function latest<T = void>(
  work: (input: T) => Promise<void>,
  onError: (error: unknown) => void,
): (input: T) => void {
  let isWorking = false;
  let waiting: { readonly input: T } | undefined;
  return async (input) => {
    waiting = { input };
    if (isWorking) return;
    isWorking = true;
    while (waiting) {
      const next: { readonly input: T } = waiting;
      waiting = undefined;
      await work(next.input).catch(onError);
    }
    isWorking = false;
  };
}
