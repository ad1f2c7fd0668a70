import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SpikeletError } from "../../src/errors.js";
import {
  classAgreement,
  isCovered,
  median,
  nearestDistances,
  nearestNeighbours,
  precisionAndRecall,
  rowOf,
  sphereRadii,
  voteOf,
} from "../../src/evaluation/neighbours.js";
import type { Tensor } from "../../src/network.js";
import { randomSource } from "../support/models.js";

// Every assert.ok has a message: without one, Node 20 looks for the source of the assertion, which does not end here.

/** Points on a line, as features of one number. */
const line = (...positions: number[]): Tensor => ({
  shape: [positions.length, 1],
  data: Float32Array.from(positions),
});

/** Normal-like points around a centre, with more features than a stride of the search has. */
function cloud(count: number, seed: number, centre = 0, size = 37): Tensor {
  const random = randomSource(seed);
  const data = Float32Array.from({ length: count * size }, () => centre + random() + random() - 1);
  return { shape: [count, size], data };
}

// The judge: all distances, sorted.

const rows = (features: Tensor) =>
  Array.from({ length: features.shape[0] }, (_, i) => Array.from(rowOf(features, i)));
const distanceOf = (a: number[], b: number[]) => Math.hypot(...a.map((value, i) => value - b[i]));

function judgePrecision(real: Tensor, generated: Tensor, k: number): number {
  const radii = rows(real).map(
    (point) =>
      rows(real)
        .map((other) => distanceOf(point, other))
        .sort((a, b) => a - b)[k],
  );
  const inside = rows(generated).filter((point) =>
    rows(real).some((other, i) => distanceOf(point, other) <= radii[i]),
  );
  return inside.length / generated.shape[0];
}

function judgeAgreement(features: Tensor, labels: number[], known: Tensor, knownLabels: number[]): number {
  const right = rows(features).filter((point, n) => {
    const nearest = rows(known)
      .map((other, i) => ({ distance: distanceOf(point, other), label: knownLabels[i] }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, 5);
    const votes = (label: number) => nearest.filter((other) => other.label === label).length;
    const most = Math.max(...nearest.map(({ label }) => votes(label)));
    return nearest.find(({ label }) => votes(label) === most)!.label === labels[n];
  });
  return right.length / features.shape[0];
}

describe("nearest neighbours", () => {
  test("are the nearest, the first of equally near ones first, without the image itself", () => {
    const references = line(4, 1, 3, 3, 10);
    const found = nearestNeighbours(Float32Array.of(2), references, 4);
    assert.deepEqual(found, [
      { index: 1, distance: 1 },
      { index: 2, distance: 1 },
      { index: 3, distance: 1 },
      { index: 0, distance: 2 },
    ]);
    assert.equal(nearestNeighbours(Float32Array.of(3), references, 1, 2)[0].index, 3);
    assert.deepEqual([...nearestDistances(line(2, 12), references)], [1, 2]);
  });

  test("agree with sorting all distances", () => {
    const references = cloud(150, 1);
    const queries = cloud(20, 2);
    for (const [i, point] of rows(queries).entries()) {
      const sorted = rows(references)
        .map((other, index) => ({ index, distance: distanceOf(point, other) }))
        .sort((a, b) => a.distance - b.distance)
        .slice(0, 7);
      const found = nearestNeighbours(rowOf(queries, i), references, 7);
      assert.deepEqual(
        found.map(({ index }) => index),
        sorted.map(({ index }) => index),
      );
      for (const [k, { distance }] of found.entries()) {
        assert.ok(Math.abs(distance - sorted[k].distance) < 1e-9, `${distance}, ${sorted[k].distance}`);
      }
    }
  });

  test("are refused where there are too few, or of another size", () => {
    const refused = (error: unknown) => error instanceof SpikeletError && error.code === "bad-input";
    assert.throws(() => nearestNeighbours(Float32Array.of(1), line(1, 2), 3), refused);
    assert.throws(() => nearestNeighbours(Float32Array.of(1), line(1, 2, 3), 3, 0), refused);
    assert.throws(() => nearestNeighbours(Float32Array.of(1, 2), line(1, 2, 3), 1), refused);
  });
});

describe("class agreement", () => {
  test("counts the images whose neighbours are of their class", () => {
    const known = line(0, 1, 2, 3, 4, 10, 11, 12, 13, 14);
    const classes = [7, 7, 7, 7, 7, 9, 9, 9, 9, 9];
    assert.equal(classAgreement(line(2, 12, 2, 12), [7, 9, 9, 9], known, classes), 0.75);
  });

  test("takes the nearest class of those with equally many votes", () => {
    const neighbours = [2, 0, 1, 3].map((index) => ({ index, distance: 1 }));
    assert.equal(voteOf(neighbours, [5, 5, 6, 6]), 6);
    assert.equal(voteOf(neighbours, [5, 5, 6, 5]), 5);
  });

  test("agrees with sorting all distances", () => {
    const known = cloud(200, 3);
    const queries = cloud(60, 4);
    const random = randomSource(5);
    const labels = (count: number) => Array.from({ length: count }, () => Math.floor(random() * 3));
    const [knownLabels, queryLabels] = [labels(200), labels(60)];
    const found = classAgreement(queries, queryLabels, known, knownLabels);
    assert.equal(found, judgeAgreement(queries, queryLabels, known, knownLabels));
    assert.ok(found > 0.1 && found < 0.7, `by chance a third agree, found ${found}`);
  });
});

describe("precision and recall", () => {
  test("are 1 of the same images, 0 of others far away", () => {
    const real = cloud(40, 6);
    assert.deepEqual(precisionAndRecall(real, real), { precision: 1, recall: 1 });
    assert.deepEqual(precisionAndRecall(real, cloud(40, 7, 9)), { precision: 0, recall: 0 });
  });

  test("have the known values on a line", () => {
    // Radii to the third of the others: 3, 2, 2, 3; the manifold is −3 … 6.
    const real = line(0, 1, 2, 3);
    assert.deepEqual([...sphereRadii(real)], [3, 2, 2, 3]);
    assert.equal(isCovered(Float32Array.of(6), real, sphereRadii(real)), true);
    assert.equal(isCovered(Float32Array.of(6.1), real, sphereRadii(real)), false);
    // All sharp, but of one kind: every image is a real one's neighbour, and few real ones are theirs.
    assert.deepEqual(precisionAndRecall(real, line(0, 0.1, 0.2, 0.3)), { precision: 1, recall: 0.25 });
    assert.deepEqual(precisionAndRecall(real, line(0, 1, 7, 9)), { precision: 0.5, recall: 1 });
  });

  test("agree with sorting all distances", () => {
    for (const centre of [0.05, 0.2, 0.4]) {
      const real = cloud(70, 8);
      const generated = cloud(50, 9, centre);
      const { precision, recall } = precisionAndRecall(real, generated, 2);
      assert.equal(precision, judgePrecision(real, generated, 2));
      assert.equal(recall, judgePrecision(generated, real, 2));
    }
  });
});

test("the median is the middle value, or the mean of two", () => {
  assert.equal(median([3, 1, 100]), 3);
  assert.equal(median([4, 1, 2, 100]), 3);
});
