/**
 * Lays a picture over black, as the command line does with PNG files.
 * @param rgba - (pixels, 4) Red, green, blue, opacity
 * @returns (pixels, 3)
 */
export function overBlack(rgba: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let pixel = 0; pixel < rgba.length / 4; pixel++) {
    const opacity = rgba[4 * pixel + 3];
    for (let c = 0; c < 3; c++) rgb[3 * pixel + c] = Math.round((rgba[4 * pixel + c] * opacity) / 255);
  }
  return rgb;
}
