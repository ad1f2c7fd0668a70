import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** Which case a process of its own is to run. */
const CASE = "SPIKELET_ISOLATED_CASE";

/**
 * Makes each case a test that runs in a process of its own, which can be ended if it hangs.
 * @param url - import.meta.url of the test file, which must do nothing else than call this
 */
export function runIsolated(url: string, cases: Record<string, () => void>, timeLimitMs: number): void {
  const chosen = process.env[CASE];
  if (chosen) {
    cases[chosen]();
    return;
  }
  for (const name of Object.keys(cases)) {
    test(name, () => {
      const { status, signal, stderr } = spawnSync(
        process.execPath,
        [...process.execArgv, fileURLToPath(url)],
        {
          env: { ...process.env, [CASE]: name },
          encoding: "utf8",
          timeout: timeLimitMs,
          killSignal: "SIGKILL",
        },
      );
      if (signal) assert.fail(`no answer after ${timeLimitMs} ms: the core hangs`);
      if (status !== 0) assert.fail(stderr);
    });
  }
}
