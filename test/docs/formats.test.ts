// docs/format.md and docs/numerics.md against the constants and the oracle that follow them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as format from "../../assembly/core/format.js";
import * as streams from "../../assembly/core/streams.js";
import { COEFFICIENTS } from "../../src/reference/coefficients.js";
import { claim, readPage, sectionOf, tableUnder } from "../support/markdown.js";

const page = readPage("docs/format.md");
const numerics = readPage("docs/numerics.md");

const HEADER: readonly (readonly [field: RegExp, offset: number, most?: number])[] = [
  [/^magic `SPKL`/, 0],
  [/^version, (\d+)/, format.HEADER_VERSION, format.VERSION],
  [/^length of the file/, format.HEADER_LENGTH],
  [/^CRC-32/, format.HEADER_CRC],
  [/^image size.* at most (\d+)/, format.HEADER_IMAGE_SIZE, format.MAX_IMAGE_SIZE],
  [/^image channels/, format.HEADER_IMAGE_CHANNELS],
  [/^time steps.* 1…(\d+)/, format.HEADER_TIME_STEPS, format.MAX_TIME_STEPS],
  [/^latent size, 1…(\d+)/, format.HEADER_LATENT_SIZE, format.MAX_LATENT_SIZE],
  [/^spiking layers of the decoder, 2…(\d+)/, format.HEADER_DECODER_LAYERS, format.MAX_DECODER_LAYERS],
  [/^priors/, format.HEADER_PRIORS],
  [/^spiking layers of the encoder, at most (\d+)/, format.HEADER_ENCODER_LAYERS, format.MAX_ENCODER_LAYERS],
  [/^readout shift/, format.HEADER_READOUT_SHIFT],
  [/^zero/, format.HEADER_READOUT_SHIFT + 1],
  [/^offset of the priors/, format.HEADER_PRIORS_OFFSET],
  [/^offset of the readout/, format.HEADER_READOUT_OFFSET],
  [/^end of the front matter/, format.HEADER_WEIGHTS_OFFSET],
  [/^model name/, format.HEADER_NAME],
];

const LAYER: typeof HEADER = [
  [
    /^kind: 0 linear, 1 transposed .*, 2 convolution .*, (\d) the same/,
    format.LAYER_KIND,
    format.KIND_IMAGE_CONV,
  ],
  [/^bits a weight/, format.LAYER_BITS],
  [/^input size/, format.LAYER_INPUT_SIZE],
  [/^input channels/, format.LAYER_IN_CHANNELS],
  [/^output channels, a multiple of (\d+)/, format.LAYER_OUT_CHANNELS, format.BLOCK_CHANNELS],
  [/^offset of the parameters/, format.LAYER_PARAMETERS],
  [/^offset of the scales/, format.LAYER_SCALES],
  [/^offset of the weights/, format.LAYER_WEIGHTS],
  [/^length of the weights/, format.LAYER_WEIGHTS_LENGTH],
  [/^lowest potential/, format.LAYER_LOWEST],
  [/^highest potential/, format.LAYER_HIGHEST],
  [/^zero; for kind 3 the shift/, format.LAYER_SHIFT],
];

/** Bytes of a type such as u16 or u8[24]. */
function bytesOf(type: string): number {
  const [, bits, length = "1"] = /^[ui](\d+)(?:\[(\d+)\])?$/.exec(type) ?? assert.fail(type);
  return (Number(bits) / 8) * Number(length);
}

for (const [heading, fields, end] of [
  [`Header, ${format.HEADER_BYTES} bytes`, HEADER, format.HEADER_BYTES],
  [
    `Layer table, ${format.LAYER_BYTES} bytes a layer, from offset ${format.HEADER_BYTES}`,
    LAYER,
    format.LAYER_BYTES,
  ],
] as const) {
  test(`docs/format.md: ${heading}`, () => {
    const rows = tableUnder(page, heading);
    assert.equal(rows.length, fields.length);
    rows.forEach((row, i) => {
      const [pattern, offset, most] = fields[i];
      const [, found] = pattern.exec(row.field) ?? assert.fail(`"${row.field}", expected ${pattern}`);
      assert.equal(Number(row.offset), offset, row.field);
      if (most !== undefined) assert.equal(Number(found), most, row.field);
      const next = rows[i + 1] ? Number(rows[i + 1].offset) : end;
      assert.equal(offset + bytesOf(row.type), next, `${row.field}: no holes`);
    });
  });
}

test("docs/format.md: version, priors, parameters", () => {
  assert.match(page.text, new RegExp(`^# .*, version ${format.VERSION}$`, "m"));
  const priors = tableUnder(page, "Priors").map((row) => Number(row.offset));
  assert.deepEqual(priors, [
    0,
    format.PRIOR_SHARE,
    format.PRIOR_OFFSET,
    format.PRIOR_PAIRS,
    format.PRIOR_SHIFT,
  ]);
  const parameters = claim(
    page,
    /block of (\d+) output channels, (\d+) bytes: u16\[32\] biases \+ (\d+), then u16\[32\] thresholds \+ (\d+)/,
  );
  assert.deepEqual(parameters.map(Number), [
    format.BLOCK_CHANNELS,
    format.BLOCK_PARAMETER_BYTES,
    format.BIAS_OFFSET,
    format.THRESHOLD_OFFSET,
  ]);
  const [threshold] = claim(page, /at least the threshold, 1…(\d+)\)/);
  assert.equal(Number(threshold), format.MAX_POTENTIAL);
  const [highest] = claim(numerics, /highest ≤ (\d+)/);
  assert.equal(Number(highest), format.MAX_POTENTIAL);
});

test("docs/numerics.md: streams of an image", () => {
  const rows = tableUnder(numerics, "Random numbers").map(({ stream, use }) => [use, Number(stream)]);
  const { STREAM_PRIOR, STREAM_SPIKES, STREAM_CHOICES } = streams;
  assert.deepEqual(rows, [
    ["prior", STREAM_PRIOR],
    ["Poisson sampler", STREAM_SPIKES],
    ["choices", STREAM_CHOICES],
  ]);
});

test("docs/numerics.md: coefficients of the readout", () => {
  const [first] = claim(numerics, /Coefficients c\[0\] = (\d+)/);
  assert.equal(COEFFICIENTS[0], Number(first));
  for (let k = 1; k < format.MAX_TIME_STEPS; k++) {
    assert.equal(COEFFICIENTS[k], Math.floor((4 * COEFFICIENTS[k - 1] + 2) / 5));
  }
  const [most] = claim(numerics, /R = .* at most (\d+)\./);
  assert.equal(
    COEFFICIENTS.slice(0, format.MAX_TIME_STEPS).reduce((sum, c) => sum + c, 0),
    Number(most),
  );
});

for (const [heading, file] of [
  ["Standard normals", "src/math/random.ts"],
  ["Sigmoid", "src/reference/integer-network.ts"],
]) {
  test(`docs/numerics.md: the constants of "${heading}" are those of ${file}`, () => {
    const source = readFileSync(file, "utf8");
    const [formulas] = /(?: {4}.*\n)+/.exec(sectionOf(numerics, heading)) ?? assert.fail();
    const constants = formulas.replace(/\(mean.*|\(fraction.*/g, "").match(/(?<!\^)\b\d{3,}\b/g) ?? [];
    assert.ok(constants.length >= 4);
    for (const constant of constants) assert.match(source, new RegExp(`\\b${constant}\\b`), constant);
  });
}
