import assert from "node:assert/strict";
import { hparamsMessages, hparamsYaml } from "../../../src/formats/tensorboard/hparams.ts";

const VALUES = {
  learning_rate: 1e-4,
  optimizer_type: "AdamW",
  seed: null,
  cache_latents: true,
  args: "['a']",
};

/** What torch 2.13's hparams(VALUES, {}) gives with tensorboard 2.21, as HParamsPluginData. */
const WRITTEN = {
  experiment: "124422110a0d6c6561726e696e675f72617465200322120a0e6f7074696d697a65725f747970652001" +
    "22110a0d63616368655f6c6174656e7473200322080a04617267732001",
  session_start_info:
    "1a640a0f0a046172677312071a055b2761275d0a1a0a0d63616368655f6c6174656e7473120911000000000000f03f" +
    "0a1a0a0d6c6561726e696e675f726174651209112d431cebe2361a3f0a190a0e6f7074696d697a65725f7479706512071a054164616d57",
  session_end_info: "22020801",
};

Deno.test("a run's options are the bytes that SummaryWriter.add_hparams() writes", () => {
  const written = Object.entries(hparamsMessages(VALUES)).map(([tag, bytes]) => [tag, bytes.toHex()]);
  assert.deepEqual(Object.fromEntries(written), WRITTEN);
});

Deno.test("hparams.yml reads back in YAML 1.1 too, where a number with an exponent wants a point", () => {
  const yaml = hparamsYaml({ ...VALUES, eps: 1e-8, seed: 1e21, text: 'a: "b"\n' });
  assert.equal(
    yaml,
    `args: "['a']"\ncache_latents: true\neps: 1.0e-8\nlearning_rate: 0.0001\noptimizer_type: "AdamW"\n` +
      'seed: 1.0e+21\ntext: "a: \\"b\\"\\n"\n',
  );
});
