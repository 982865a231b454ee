import assert from "node:assert/strict";
import { openSafetensors } from "../../src/formats/mod.ts";
import {
  noiseSchedule,
  noiseSigmas,
  scheduleOf,
  signalToNoise,
  zeroTerminalSnr,
} from "../../src/models/noise/schedule.ts";

const recorded = new URL("../golden/data/samplers/schedule_tables.safetensors", import.meta.url).pathname;

/** The entries in which two tables differ. */
function different(a: Float32Array, b: Float32Array): number[] {
  assert.equal(a.length, b.length);
  return [...a.keys()].filter((i) => a[i] !== b[i]);
}

Deno.test("noiseSchedule() and zeroTerminalSnr() are the reference's tables bit for bit", () => {
  using file = openSafetensors(recorded);
  const plain = noiseSchedule(), zero = zeroTerminalSnr(plain);
  for (
    const [key, table] of Object.entries({
      betas: plain.betas,
      alphas: plain.alphas,
      alphas_cumprod: plain.alphasCumprod,
    })
  ) assert.deepEqual(different(table, file.f32(key)), [], key);
  // three square roots of the recording are an ulp below the right ones; each is in two betas
  assert.deepEqual(different(zero.betas, file.f32("zero_snr_betas")), [193, 194, 416, 417, 450, 451]);
  const { alphas, alphasCumprod } = scheduleOf(file.f32("zero_snr_betas"));
  assert.deepEqual(different(alphas, file.f32("zero_snr_alphas")), []);
  assert.deepEqual(different(alphasCumprod, file.f32("zero_snr_alphas_cumprod")), []);
  assert.equal(zero.alphasCumprod[999], 0);
});

Deno.test("noiseSigmas() and signalToNoise() are the reference's but for its square roots", () => {
  using file = openSafetensors(recorded);
  for (
    const [key, table] of Object.entries({
      sigmas: noiseSigmas(noiseSchedule()),
      all_snr: signalToNoise(noiseSchedule()),
    })
  ) {
    const wanted = file.f32(key);
    table.forEach((x, t) => assert.ok(Math.abs(x / wanted[t] - 1) < 4e-7, `${key} at ${t}`));
    assert.ok(different(table, wanted).length < 30, key);
  }
});
