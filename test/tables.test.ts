import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { inverseNormalTail, logistic, normalTail, tableSources } from "../scripts/make-tables.js";
import { sigmoid } from "../src/oracle.js";
import { normalFromWord } from "../src/random.js";
import { COEFFICIENT_TABLE, NORMAL_TABLE, SIGMOID_TABLE } from "../src/tables.js";

test("the committed tables are those that scripts/make-tables.ts computes", () => {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
  const { assembly, oracle } = tableSources();
  assert.equal(read("../assembly/tables.ts"), assembly);
  assert.equal(read("../src/tables.ts"), oracle);
});

test("tables have the sizes, ends and order of docs/numerics.md", () => {
  assert.equal(NORMAL_TABLE.length, 161);
  assert.equal(NORMAL_TABLE[0], 0);
  for (let i = 1; i < 161; i++) assert.ok(NORMAL_TABLE[i] > NORMAL_TABLE[i - 1], `N[${i}]`);
  assert.equal(SIGMOID_TABLE.length, 97);
  assert.equal(SIGMOID_TABLE[0], 0);
  for (let i = 1; i < 97; i++) assert.ok(SIGMOID_TABLE[i] >= SIGMOID_TABLE[i - 1], `S[${i}]`);
  assert.ok(SIGMOID_TABLE[96] <= 32768);
  assert.equal(
    COEFFICIENT_TABLE.reduce((sum, c) => sum + c, 0),
    19903,
  );
});

test("the inverse normal agrees with published quantiles to 1e-12", () => {
  const quantiles: [number, number][] = [
    [0.5, 0],
    [0.25, 0.6744897501960817],
    [0.025, 1.959963984540054],
    [0.005, 2.5758293035489004],
    [0.001, 3.090232306167813],
    [1e-6, 4.753424308822899],
  ];
  for (const [tail, x] of quantiles) assert.ok(Math.abs(inverseNormalTail(tail) - x) < 1e-12, `tail ${tail}`);
});

test("integer normals are within 3 units of Q12 and 2.5e-4 in the CDF, up to the table's end", (t) => {
  let worstCdf = 0;
  let worstUnits = 0;
  for (let octave = 0; octave < 20; octave++) {
    for (let i = 0; i < 2000; i++) {
      const tail = 2 ** (-2 - octave) * (1 + (i + 0.5) / 2000);
      const word = Math.floor(tail * 2 ** 32); // tail = (2 · word + 1) / 2^33
      const exact = (2 * word + 1) / 2 ** 33;
      const x = normalFromWord(word);
      worstCdf = Math.max(worstCdf, Math.abs(normalTail(x / 4096) - exact));
      worstUnits = Math.max(worstUnits, Math.abs(x - 4096 * inverseNormalTail(exact)));
    }
  }
  t.diagnostic(`largest error in the CDF ${worstCdf.toExponential(2)}, in units ${worstUnits.toFixed(2)}`);
  assert.ok(worstCdf < 2.5e-4);
  assert.ok(worstUnits < 3);
});

test("integer normals are odd in the word's top bit and end at the table's last entry", () => {
  for (const word of [0, 1, 1000, 0x12345678, 0x7fffffff]) {
    assert.equal(normalFromWord(word + 2 ** 31), -normalFromWord(word));
  }
  assert.equal(normalFromWord(0), NORMAL_TABLE[160]);
});

test("the integer sigmoid is within 1.2e-4 of the exact one, symmetric and monotone", (t) => {
  let worst = 0;
  let previous = 0;
  for (let x = -60000; x <= 60000; x++) {
    const rate = sigmoid(x);
    assert.ok(rate >= previous && rate <= 65536, `sigmoid(${x}) = ${rate}`);
    if (x !== 0) assert.equal(rate + sigmoid(-x), 65536);
    worst = Math.max(worst, Math.abs(rate / 65536 - logistic(x / 4096)));
    previous = rate;
  }
  t.diagnostic(`largest error ${worst.toExponential(2)}`);
  assert.ok(worst < 1.2e-4);
});
