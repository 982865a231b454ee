/** Ranks, rates and choice of modules by their names, as networks.loha and networks.lokr of sd-scripts 0.11 have them. */

import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { type NetworkModule, networkNamed, parameterGroups } from "../../../src/networks/mod.ts";
import { family } from "../../golden/synth_models.ts";
import { sdxl } from "../models.ts";

const MODEL = family("sdxl"), SHAPES = sdxl(), NAMED = networkNamed("networks.loha");

function made(...args: string[]) {
  const options = NAMED.options({ dim: 4, alpha: 2, dropout: null, args }, MODEL.sites.blocks, false);
  return { options, modules: NAMED.modules(SHAPES, MODEL, options, {}) };
}

const named = (modules: readonly NetworkModule[], pattern: RegExp) =>
  modules.filter((m) => pattern.test(m.name));

Deno.test("exclude_patterns leaves layers out whose whole name matches, include_patterns keeps some of them", () => {
  const all = made().modules;
  const excluded = made("exclude_patterns=['.*attn1.*', 'text_model.*']").modules;
  strictEqual(excluded.length, all.length - named(all, /attn1|_te[12]_/).length);
  const kept = made("exclude_patterns='.*attn1.*'", "include_patterns=['.*attn1[.]to_q']").modules;
  strictEqual(kept.length, all.length - named(all, /attn1_(?!to_q)/).length);
  strictEqual(made("exclude_patterns=['attn1']").modules.length, all.length, "the whole name");
});

Deno.test("network_reg_dims gives ranks by name, the first pattern that matches counts, and 0 leaves out", () => {
  const { modules } = made(
    "network_reg_dims=input_blocks[.]4[.].*to_q=16, .*to_q=8,.*ff[.].*=0,.*in_layers.*=2",
    "conv_dim=3",
  );
  const ranks = (
    pattern: RegExp,
  ) => [...new Set(named(modules, pattern).map((m) => `${m.rank} ${m.alpha.value}`))];
  deepStrictEqual(ranks(/input_blocks_4_.*to_q/), ["16 2"]);
  deepStrictEqual(ranks(/output_blocks_.*to_q/), ["8 2"]);
  deepStrictEqual(ranks(/_ff_/), []);
  deepStrictEqual(ranks(/in_layers_2/), ["2 2"]);
  deepStrictEqual(ranks(/out_layers_3/), ["3 1"]);
});

Deno.test("network_reg_lrs puts layers into groups of their own before the rest, LoRA+ included", () => {
  const { modules, options } = made("network_reg_lrs=.*attn2.*=0.5,.*mlp.*=0.25", "loraplus_lr_ratio=4");
  const groups = parameterGroups(modules, options, { default: 1, unet: null, textEncoder: 0.1 });
  deepStrictEqual(groups.map(({ description, lr }) => [description, lr]), [
    ["textencoder reg_lr_1", 0.25],
    ["textencoder reg_lr_1 plus", 1],
    ["textencoder", 0.1],
    ["textencoder plus", 0.4],
    ["unet reg_lr_0", 0.5],
    ["unet reg_lr_0 plus", 2],
    ["unet", 1],
    ["unet plus", 4],
  ]);
  ok(groups[4].keys.every((key) => key.includes("attn2")));
  strictEqual(groups.flatMap(({ keys }) => keys).length, modules.length * 4);
});

Deno.test("what is no list of patterns says so", () => {
  throws(() => made("exclude_patterns=attn"), /exclude_patterns=attn: is no list of texts; write \['/);
  throws(() => made("exclude_patterns=[1]"), /is no list of texts/);
  throws(() => made("include_patterns=['(']"), /include_patterns: \( is no regular expression/);
  throws(() => made("network_reg_dims=attn"), /attn has no =; write PATTERN=NUMBER/);
  throws(() => made("network_reg_dims=attn=x"), /"x" is not a number/);
});
