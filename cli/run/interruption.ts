/** The user, or the system, asked for an end before the work was done. */
export class Interruption extends Error {
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals, message: string) {
    super(message);
    this.name = "Interruption";
    this.signal = signal;
  }
}

const SIGNALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"];

export interface StopListener {
  /** Aborted by the first Ctrl-C or SIGTERM, with the signal's name as reason. A second one ends the process as usual. */
  readonly stop: AbortSignal;
  unlisten(): void;
}

export function listenForStop(): StopListener {
  const controller = new AbortController();
  function unlisten(): void {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
  function onSignal(signal: NodeJS.Signals): void {
    unlisten();
    controller.abort(signal);
  }
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return { stop: controller.signal, unlisten };
}
