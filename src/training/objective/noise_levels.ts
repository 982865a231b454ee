/** What a training step needs to know of the noise schedule. */
import { noiseSchedule, signalToNoise, zeroTerminalSnr } from "../../models/noise/schedule.ts";

export interface NoiseLevels {
  /** (1000) f32: the share of signal left at each timestep. */
  readonly alphasCumprod: Float32Array;
  /**
   * Signal over noise in the unchanged schedule, which loss weights go by even with --zero_terminal_snr, as in the
   * reference.
   */
  readonly snr: Float32Array;
}

export function noiseLevels(zeroTerminal: boolean): NoiseLevels {
  const plain = noiseSchedule();
  const { alphasCumprod } = zeroTerminal ? zeroTerminalSnr(plain) : plain;
  return { alphasCumprod, snr: signalToNoise(plain) };
}
