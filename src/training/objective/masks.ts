/** Loss masks: what a picture's alpha channel or mask image leaves of the loss, at the size of the latents. */

/**
 * Averages (H, W) over the h * w boxes whose borders are rounded outward, like PyTorch's interpolate(mode="area").
 */
export function areaResize(mask: Float32Array, H: number, W: number, h: number, w: number): Float32Array {
  const out = new Float32Array(h * w);
  for (let y = 0; y < h; y++) {
    const [top, bottom] = [Math.floor(y * H / h), Math.ceil((y + 1) * H / h)];
    for (let x = 0; x < w; x++) {
      const [left, right] = [Math.floor(x * W / w), Math.ceil((x + 1) * W / w)];
      let sum = 0;
      for (let i = top; i < bottom; i++) for (let j = left; j < right; j++) sum += mask[i * W + j];
      out[y * w + x] = sum / ((bottom - top) * (right - left));
    }
  }
  return out;
}
