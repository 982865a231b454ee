/** Values are channels-last on the device; random draws and files keep PyTorch's order. */

/** (N, C, H, W) -> (N, H, W, C). */
export function toChannelsLast(values: Float32Array, batch: number, channels: number): Float32Array {
  const out = new Float32Array(values.length), pixels = values.length / batch / channels;
  for (let n = 0, i = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      for (let p = 0, o = n * pixels * channels + c; p < pixels; p++, o += channels) out[o] = values[i++];
    }
  }
  return out;
}

/** (N, H, W, C) -> (N, C, H, W). */
export function toChannelsFirst(values: Float32Array, batch: number, channels: number): Float32Array {
  const out = new Float32Array(values.length), pixels = values.length / batch / channels;
  for (let n = 0, o = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      for (let p = 0, i = n * pixels * channels + c; p < pixels; p++, i += channels) out[o++] = values[i];
    }
  }
  return out;
}
