/** Normal distribution function, from Taylor's series of erf: exact to 1e-12 up to 5 standard deviations. */
export function normalDistribution(z: number): number {
  let term = z;
  let sum = z;
  for (let n = 1; n < 200; n++) {
    term *= -(z * z) / (2 * n);
    sum += term / (2 * n + 1);
  }
  return 0.5 + sum / Math.sqrt(2 * Math.PI);
}
