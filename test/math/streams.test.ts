import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as streams from "../../assembly/core/streams.js";

test("no two streams of Philox have one number, but for that of the fit", () => {
  const { STREAM_FIT, ...others } = streams;
  const numbers = Object.values(others);
  assert.deepEqual(
    numbers,
    [...new Set(numbers)],
    `${JSON.stringify(others)}: two uses would draw the same numbers`,
  );
  assert.equal(STREAM_FIT, streams.STREAM_PRIOR);
});

/** Which stream each call that draws a block names, by file. */
function drawnStreams(): { file: string; stream: string }[] {
  return ["assembly", "src", "cli", "firmware-sim", "playground"].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !/node_modules|__tests__/.test(path))
      .flatMap((path) => {
        const file = join(folder, path);
        const text = readFileSync(file, "utf8");
        const calls = text.matchAll(/(?<!function )\b(?:drawBlock\(\w+, [^,]+|philox\(.+?), (\w+)[,)]/g);
        return [...calls].map(([, stream]) => ({ file, stream }));
      }),
  );
}

test("whoever draws a block names its stream", () => {
  const drawn = drawnStreams();
  assert.ok(drawn.length > 6, `${drawn.length} calls were found`);
  for (const { file, stream } of drawn) {
    assert.ok(stream === "stream" || stream in streams, `${file} draws from stream ${stream}`);
  }
});
