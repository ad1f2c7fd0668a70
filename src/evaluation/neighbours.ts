// What the features of images tell beside their distribution: a Fréchet distance is low for sharp nonsense too, and for a
// copied training set. All by brute force over Euclidean distances, in float64, so that a figure does not depend on an index.

import { SpikeletError } from "../errors.js";
import { squaredDistance } from "../math/distance.js";
import type { Tensor } from "../network.js";

/** Neighbours that vote for an image's class. */
export const CLASS_NEIGHBOURS = 5;
/** Neighbour whose distance is the radius of an image's sphere (Kynkäänniemi et al. 2019). */
export const SPHERE_NEIGHBOURS = 3;

export interface Neighbour {
  /** Row of the references. */
  readonly index: number;
  readonly distance: number;
}

/** Row `index` of a (N, d) tensor. */
export function rowOf({ shape, data }: Tensor, index: number): Float32Array {
  return data.subarray(index * shape[1], (index + 1) * shape[1]);
}

/**
 * The k nearest references, the nearest first; of equally near ones the first come first.
 * @param query - (d)
 * @param references - (N, d)
 * @param self - row that is left out, because it is the query itself; none if not given
 * @throws SpikeletError "bad-input" if there are fewer than k, or they have another number of features
 */
export function nearestNeighbours(
  query: Float32Array,
  references: Tensor,
  k: number,
  self = -1,
): Neighbour[] {
  const [count, size] = references.shape;
  if (count - (self < 0 ? 0 : 1) < k || query.length !== size) {
    throw new SpikeletError(
      "bad-input",
      `Found ${count} images of ${size} features, expected ${k + (self < 0 ? 0 : 1)} or more of ${query.length}. ` +
        "Give more images, and the same encoder for all.",
    );
  }
  const indices = new Int32Array(k).fill(-1);
  const squares = new Float64Array(k).fill(Number.POSITIVE_INFINITY);
  for (let row = 0; row < count; row++) {
    if (row === self) continue;
    const square = squaredDistance(query, 0, references.data, row * size, size, squares[k - 1]);
    if (!(square < squares[k - 1])) continue;
    let place = k - 1;
    for (; place > 0 && square < squares[place - 1]; place--) {
      squares[place] = squares[place - 1];
      indices[place] = indices[place - 1];
    }
    squares[place] = square;
    indices[place] = row;
  }
  return Array.from(indices, (index, i) => ({ index, distance: Math.sqrt(squares[i]) }));
}

/** Whether a query (d) lies in the sphere of one of the references (N, d), whose radii (N) are given. */
export function isCovered(query: Float32Array, references: Tensor, radii: ArrayLike<number>): boolean {
  const [count, size] = references.shape;
  for (let row = 0; row < count; row++) {
    const most = radii[row] ** 2;
    if (squaredDistance(query, 0, references.data, row * size, size, most) <= most) return true;
  }
  return false;
}

/** The class of most neighbours; of several with equally many, that of the nearest. */
export function voteOf(neighbours: readonly Neighbour[], labels: ArrayLike<number>): number {
  const votes = new Map<number, number>();
  for (const { index } of neighbours) votes.set(labels[index], (votes.get(labels[index]) ?? 0) + 1);
  // A map keeps the order in which its keys came, which is that of the distances.
  return [...votes].reduce((best, next) => (next[1] > best[1] ? next : best))[0];
}

/**
 * Fraction of rows of class `labels[i]` that a nearest-neighbour classifier takes for that class.
 * @param features - (N, d), labels (N)
 * @param known - (M, d) of the images that the classifier knows, and their classes (M)
 * @throws as `nearestNeighbours`
 */
export function classAgreement(
  features: Tensor,
  labels: ArrayLike<number>,
  known: Tensor,
  knownLabels: ArrayLike<number>,
  k = CLASS_NEIGHBOURS,
): number {
  return fractionOf(
    features,
    (row, i) => voteOf(nearestNeighbours(row, known, k), knownLabels) === labels[i],
  );
}

/** Distances (N) of each row to the nearest of the references. */
export function nearestDistances(features: Tensor, references: Tensor): Float64Array {
  return Float64Array.from(
    { length: features.shape[0] },
    (_, i) => nearestNeighbours(rowOf(features, i), references, 1)[0].distance,
  );
}

/** Radii (N) of the spheres that make up the manifold of a set: distances to the k-th nearest of the others. */
export function sphereRadii(features: Tensor, k = SPHERE_NEIGHBOURS): Float64Array {
  return Float64Array.from(
    { length: features.shape[0] },
    (_, i) => nearestNeighbours(rowOf(features, i), features, k, i)[k - 1].distance,
  );
}

/**
 * Improved precision and recall (T. Kynkäänniemi et al., NeurIPS 2019): the fraction of generated images that lie in the
 * manifold of the real ones, and of real ones in that of the generated.
 * @throws as `nearestNeighbours`
 */
export function precisionAndRecall(
  real: Tensor,
  generated: Tensor,
  k = SPHERE_NEIGHBOURS,
): { readonly precision: number; readonly recall: number } {
  const coverage = (of: Tensor, by: Tensor) => {
    const radii = sphereRadii(by, k);
    return fractionOf(of, (row) => isCovered(row, by, radii));
  };
  return { precision: coverage(generated, real), recall: coverage(real, generated) };
}

/** The middle value; the mean of the two middle ones of an even number. */
export function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function fractionOf(features: Tensor, holds: (row: Float32Array, index: number) => boolean): number {
  const [count] = features.shape;
  let found = 0;
  for (let i = 0; i < count; i++) if (holds(rowOf(features, i), i)) found++;
  return found / count;
}
