import assert from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { sdBlocks, sdxlBlocks } from "../../../src/models/mod.ts";
import { loraOptions, type NetworkFlags } from "../../../src/networks/mod.ts";
import { parseBlockLrWeights } from "../../../src/networks/sites/blocks.ts";

const flags = (...args: string[]): NetworkFlags => ({ dim: 8, alpha: 4, dropout: null, args });

function refuses(args: string[], message: RegExp, table = sdBlocks): void {
  assert.throws(() => loraOptions(flags(...args), table), (error: unknown) => {
    assert(error instanceof UsageError);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });
}

Deno.test("an unknown network_arg is an error that names the nearest one", () => {
  refuses(["conv_dims=4"], /conv_dims.*did you mean conv_dim\?/);
  refuses(["algo=lora"], /networks\.lora takes no algo; it takes conv_dim, /);
  refuses(["conv_dim"], /is not of the form key=value/);
});

Deno.test("network_args are checked before any model is loaded", () => {
  refuses(["conv_dim=four"], /"four" is not a number/);
  refuses(["conv_dim=1.5"], /whole number/);
  refuses(["rank_dropout=1"], /probability from 0 up to, not including, 1/);
  refuses(["module_dropout=-0.1"], /probability/);
  refuses(["loraplus_lr_ratio=-1"], /ratio of 0 or more/);
  refuses(["block_dims=1,2,3"], /has 3 values, an SD1 or SD2 model takes 25/);
  refuses(["block_dims=1,2,3"], /an SDXL model takes 23/, sdxlBlocks);
  refuses(["up_lr_weight=0.5"], /list of 12 numbers or one of cosine, sine/);
  refuses(["conv_block_dims=4"], /add block_dims/);
  refuses([`down_lr_weight=${new Array(13).fill(1)}`], /has 13 values, the model has 12/);
});

Deno.test("dropout among the arguments has no effect with --compat, as in sd-scripts", () => {
  const dropout = (compat: boolean, flag: number | null) =>
    loraOptions({ ...flags("dropout=0.1"), dropout: flag }, sdBlocks, compat).dropout;
  assert.equal(dropout(false, null), 0.1);
  assert.equal(dropout(true, null), null);
  assert.equal(dropout(true, 0.2), 0.2);
});

Deno.test("the flag's default alpha is an integer, a given one a float", () => {
  assert.deepEqual(loraOptions({ ...flags(), alpha: null }, sdBlocks).alpha, { value: 1, integer: true });
  assert.deepEqual(loraOptions({ ...flags(), alpha: 1 }, sdBlocks).alpha, { value: 1, integer: false });
  assert.equal(loraOptions({ ...flags(), dim: null }, sdBlocks).dim, 4);
});

Deno.test("an argument called dropout works where the flag is not given", () => {
  assert.equal(loraOptions(flags("dropout=0.25"), sdBlocks).dropout, 0.25);
  assert.equal(loraOptions({ ...flags("dropout=0.25"), dropout: 0.5 }, sdBlocks).dropout, 0.5);
  assert.deepEqual(loraOptions(flags("conv_dim=2"), sdBlocks).given, { conv_dim: "2", dropout: null });
});

Deno.test("a block whose learning rate is 0 gets rank 0", () => {
  const { blocks } = loraOptions(flags("mid_lr_weight=0", "conv_dim=2"), sdBlocks);
  assert.equal(blocks!.dims[12], 0);
  assert.equal(blocks!.convDims![12], 0);
  assert.equal(blocks!.dims.filter((d) => d === 8).length, 24);
});

Deno.test("short lists of weights are filled with 1, and the threshold applies to all that was given", () => {
  const weights = parseBlockLrWeights(
    { down_lr_weight: "0.1,0.5", block_lr_zero_threshold: "0.2" },
    sdBlocks,
  )!;
  assert.deepEqual(weights.slice(0, 4), [0, 0.5, 1, 1]);
  assert.equal(weights.length, 25);
});

Deno.test("blockOf() counts down, middle and up, and SDXL's input, middle and output", () => {
  assert.equal(sdBlocks.blockOf("lora_unet_down_blocks_0_attentions_0_proj_in"), 1);
  assert.equal(sdBlocks.blockOf("lora_unet_down_blocks_2_downsamplers_0_conv"), 9);
  assert.equal(sdBlocks.blockOf("lora_unet_mid_block_resnets_1_conv1"), 12);
  assert.equal(sdBlocks.blockOf("lora_unet_up_blocks_3_attentions_2_proj_out"), 24);
  assert.equal(sdxlBlocks.blockOf("lora_unet_input_blocks_8_1_proj_in"), 9);
  assert.equal(sdxlBlocks.blockOf("lora_unet_middle_block_1_proj_in"), 11);
  assert.equal(sdxlBlocks.blockOf("lora_unet_output_blocks_0_0_emb_layers_1"), 13);
});
