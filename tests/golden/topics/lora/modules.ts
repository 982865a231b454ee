/** Which modules a network has, what their ranks and groups are, and what they start from. */

import { UserError } from "../../../../src/base/errors.ts";
import { type BlockTable, sdBlocks, sdxlBlocks } from "../../../../src/models/mod.ts";
import { parseBlockLrWeights } from "../../../../src/networks/sites/blocks.ts";
import {
  DOWN,
  filedAs,
  initialWeights,
  keysOf,
  loraModules,
  type NetworkModule,
  networkNamed,
  parameterGroups,
  UP,
} from "../../../../src/networks/mod.ts";
import { TorchGenerator } from "../../../../src/random/mod.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { exact, within } from "../../compare.ts";
import { crc32 } from "../../synth.ts";
import { caseModel, type FamilyName } from "../../synth_models.ts";
import { fullSize, optionsOf } from "./shared.ts";

type Row = [name: string, alpha: number, down: number[], up: number[]];

/** The case names no model; its modules' names and widths say which it is. */
export function inventory({ json }: GoldenCase): Check[] {
  const rows: Row[] = json.modules;
  const name: FamilyName = rows.some(([name]) => name.startsWith("lora_te2_"))
    ? "sdxl"
    : rows.some(([name, , down]) => name.endsWith("_attn2_to_k") && down[1] === 1024)
    ? "sd2"
    : "sd1";
  const { family, shapes } = fullSize(name);
  const linear = rows.some(([name, , down]) => name.endsWith("_proj_in") && down.length === 2);
  const options = optionsOf(json.network_dim, json.network_alpha, json.network_args, family.sites.blocks);
  const modules = loraModules(shapes, family, options, { linearProjection: linear });
  return [
    exact(
      "modules",
      modules.map((m): Row => [m.name, m.alpha.value, [...m.tensors[DOWN]], [...m.tensors[UP]]]),
      rows,
    ),
    exact("counts", counts(modules), json.counts),
  ];
}

function counts(modules: readonly NetworkModule[]): Record<string, number> {
  const unet = modules.filter((m) => m.part === "unet").length;
  return { text_encoder: modules.length - unet, unet, total: modules.length };
}

/** A fresh network from a seed: the values of some modules, and where the generator is afterwards. */
export function init(c: GoldenCase): Check[] {
  const { json } = c;
  const seed = Number(/manual_seed\((\d+)\)/.exec(json.what)![1]);
  const { family, shapes } = caseModel({ model: /\b(sd\w+-tiny)\b/.exec(json.what)![1] });
  const network = networkNamed(/networks\.\w+/.exec(json.what)?.[0] ?? "networks.lora");
  const args = Object.entries(json.network_args).map(([key, value]) => `${key}=${value}`);
  const flags = { dim: json.network_dim, alpha: json.network_alpha ?? null, dropout: null, args };
  const options = network.options(flags, family.sites.blocks, true);
  const modules = network.modules(shapes, family, options, {});
  const generator = new TorchGenerator(seed);
  const { weights } = filedAs({ modules, weights: initialWeights(modules, generator) });
  const next = generator.rand(json.next_torch_rand_after_creation.length);
  const checks = [
    exact("modules", modules.map((m) => m.name), json.modules_in_creation_order),
    exact("next random numbers", next, Float32Array.from(json.next_torch_rand_after_creation)),
    exact("lora_up", modules.every((m) => weights.get(keysOf(m).up)!.every((v) => v === 0)), true),
  ];
  for (const key of Object.keys(json.tensors)) {
    checks.push(within(key, weights.get(key) ?? [], c.tensors().f32(key), 1e-7));
  }
  return checks;
}

/** Ranks by block and the optimizer's groups. Numbers that the case's `what` gives are read there. */
export function blocks({ json }: GoldenCase): Check[] {
  const told = (name: string) => {
    const found = new RegExp(`${name} ([\\d.e+-]+)`).exec(json.what);
    return found ? Number(found[1]) : null;
  };
  const model = String(json.model);
  const name = model.startsWith("sdxl") ? "sdxl" : model.startsWith("sd2") ? "sd2" : "sd1";
  const { family, shapes } = fullSize(name), { blocks: table } = family.sites;
  const options = optionsOf(told("network_dim"), told("network_alpha"), json.network_args, table);
  const modules = loraModules(shapes, family, options);
  const unet = modules.filter((m) => m.part === "unet");
  const groups = parameterGroups(modules, options, {
    default: told("default_lr"),
    unet: told("unet_lr"),
    textEncoder: told("text_encoder_lr"),
  });
  const { text_encoder, unet: unetCount } = counts(modules);
  const checks = [
    exact("block_lr_weight", options.blocks?.lrWeights ?? null, json.block_lr_weight),
    exact("blocks", byBlock(unet, table), json.unet_blocks),
    exact("counts", { text_encoder, unet: unetCount }, json.counts),
    exact(
      "groups",
      groups.map(({ description, lr, keys }) => ({
        description,
        lr,
        n_params: keys.length,
        first: keys[0],
        last: keys.at(-1),
      })),
      json.param_groups,
    ),
  ];
  if (json.unet_module_dims) {
    const dims = unet.map((m) => [m.name, m.rank, m.alpha.value]);
    checks.push(exact("dims", dims, json.unet_module_dims));
  }
  return checks;
}

function byBlock(unet: readonly NetworkModule[], table: BlockTable): Record<string, unknown> {
  const found = new Map<number, NetworkModule[]>();
  for (const module of unet) {
    const block = table.blockOf(module.name);
    found.set(block, [...found.get(block) ?? [], module]);
  }
  return Object.fromEntries([...found].map(([block, members]) => {
    const names = members.map((m) => m.name);
    const pairs = new Map(members.map((m) => [`${m.rank} ${m.alpha.value}`, [m.rank, m.alpha.value]]));
    return [block, {
      count: members.length,
      dims_alphas: [...pairs.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]),
      first: names[0],
      last: names.at(-1),
      crc32_of_names: crc32(names.join("\n")),
    }];
  }));
}

/** Unusual arguments: the weights by block, or that there is an error. Its text and type are Python's. */
export function parsing({ json }: GoldenCase): Check[] {
  return json.cases.map((c: Record<string, unknown>, i: number) => {
    const table = c.sdxl ? sdxlBlocks : sdBlocks;
    const what = `${i}: ${JSON.stringify(c.network_args ?? c.block_dims)}`;
    const got = outcome(() => {
      if (c.network_args) return parseBlockLrWeights(c.network_args as Record<string, string>, table, true);
      // "25 values"; which they are, the case does not say
      const dims = Array.from({ length: parseInt(String(c.block_dims)) }, () => 4).join(",");
      return optionsOf(4, 2, { block_dims: dims }, table).blocks!.dims.length;
    });
    if (c.error) return exact(what, got instanceof UserError, true);
    return exact(what, got, c.network_args ? c.result : parseInt(String(c.block_dims)));
  });
}

function outcome(body: () => unknown): unknown {
  try {
    return body();
  } catch (error) {
    return error;
  }
}
