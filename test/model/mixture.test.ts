import assert from "node:assert/strict";
import { test } from "node:test";
import { Generator, SpikeletError } from "../../src/index.js";
import { decodeModel, encodeModel } from "../../src/model/file.js";
import { chooseComponent, mixtures, sharesOf } from "../../src/model/mixture.js";
import { generate } from "../../src/reference/integer-network.js";
import { syntheticModel } from "../support/models.js";

/** A model whose priors are a mixture of three components, and one more. */
function mixtureModel() {
  const model = syntheticModel({ priors: 4 });
  const shares = [40000, 20000, 5536, 65536];
  const names = ["mixture", "mixture", "mixture", "alone"];
  return {
    ...model,
    priors: model.priors.map((prior, i) => ({ ...prior, name: names[i], share: shares[i] })),
  };
}

test("priors in a row with one name are one mixture", () => {
  const model = decodeModel(encodeModel(mixtureModel()));
  assert.deepEqual(
    mixtures(model.priors).map(({ name, components, first }) => [name, components.length, first]),
    [
      ["mixture", 3, 0],
      ["alone", 1, 3],
    ],
  );
});

test("components are chosen in proportion to their shares", () => {
  const [mixture] = mixtures(mixtureModel().priors);
  const counts = [0, 0, 0];
  const images = 20_000;
  for (let index = 0; index < images; index++) counts[chooseComponent(mixture, 5, index)]++;
  // Chi-squared with 2 degrees of freedom, at 0.1 %.
  const chiSquared = counts.reduce((sum, count, k) => {
    const expected = (images * mixture.components[k].share) / 65536;
    return sum + (count - expected) ** 2 / expected;
  }, 0);
  assert.ok(chiSquared < 13.8, `chi-squared is ${chiSquared}`);
});

test("an image of a mixture is that of its component, however the work is split", async () => {
  const model = mixtureModel();
  const generator = await Generator.load(encodeModel(model));
  assert.deepEqual(generator.info.priors, ["mixture", "alone"]);
  const count = 12;
  const { pixels } = generator.generate({ seed: 3, count });
  const [mixture] = mixtures(model.priors);
  const seen = new Set<number>();
  for (let index = 0; index < count; index++) {
    const prior = chooseComponent(mixture, 3, index);
    seen.add(prior);
    const expected = generate(model, { seed: 3, index, prior });
    const size = generator.imageBytes;
    assert.deepEqual(pixels.subarray(index * size, (index + 1) * size), expected.pixels);
    const rates = generator.firingRates({ seed: 3, index });
    assert.deepEqual(
      rates,
      Float64Array.from(expected.rates, (r) => r / 65536),
    );
  }
  assert.ok(seen.size > 1, "only one component was chosen");
});

test("shares add up to 65536, and none is lost", () => {
  for (const proportions of [[1], [0.5, 0.5], [1 / 3, 1 / 3, 1 / 3], [0.999999, 0.000001]]) {
    const shares = sharesOf(proportions);
    assert.equal(
      shares.reduce((a, b) => a + b, 0),
      65536,
    );
    assert.ok(Math.min(...shares) >= 1, `${shares}`);
  }
});

test("a mixture with a wrong sum is refused", () => {
  const model = mixtureModel();
  const [first, ...others] = model.priors;
  assert.throws(
    () => decodeModel(encodeModel({ ...model, priors: [{ ...first, share: 1 }, ...others] })),
    (error) =>
      error instanceof SpikeletError && /shares of prior "mixture" add up to 25537/.test(error.message),
  );
});
