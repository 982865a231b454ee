/** Networks of any kind as plain LoRAs: the nearest of a rank to each module's change of its weight. */

import { UserError } from "../../../base/errors.ts";
import { hearSignals, type JobContext } from "../../../base/job.ts";
import { counted } from "../../../base/phrases.ts";
import type { ModelFile } from "../../../models/mod.ts";
import {
  byShape,
  DOWN,
  factorsFrom,
  type LoadedLora,
  lora,
  lowRank,
  type NetworkModule,
  OFT_PREFIX,
  productSvd,
  rowsFor,
  scaleOf,
  UP,
} from "../../../networks/mod.ts";
import { openChosenDevice } from "../../../runtime/mod.ts";
import { baseValues, Changes } from "./changes.ts";
import type { ConvertLoraConfig } from "../options.ts";
import { Products } from "../products.ts";

/** The rank of what was no LoRA, where none is asked for. */
const USUAL_RANK = 16;

interface Tools {
  readonly changes: Changes;
  readonly products: Products;
}

/** A module as a LoRA's, with squared norms of its change and of what the LoRA lacks of it. */
interface Made {
  readonly module: NetworkModule;
  readonly down: Float32Array;
  readonly up: Float32Array;
  readonly whole: number;
  readonly left: number;
}

/**
 * LoRAs stay as they are, but for a rank above the one that is asked for. Tells how much is lost, of the whole and of single
 * modules. Throws UserError for a kind whose change depends on a model that is not given, and for a network without a change
 * of any weight.
 */
export async function asLora(
  path: string,
  network: LoadedLora,
  model: ModelFile | null,
  config: ConvertLoraConfig,
  context: JobContext,
): Promise<LoadedLora> {
  const device = openChosenDevice(config.device ?? "auto", { threads: config.threads }, context.log);
  const tools = {
    changes: new Changes(device),
    products: new Products(device),
  };
  const made: Made[] = [], dropped: string[] = [];
  try {
    for (const [i, module] of network.modules.toSorted(byShape).entries()) {
      await hearSignals(context);
      if (changesBias(module)) dropped.push(module.name);
      const base = () => baseValues(path, module, model);
      const one = await madeLora(module, network.weights, base, { config, context, ...tools });
      if (one) made.push(one);
      if (one && config.verbose) context.log(`${module.name}: ${module.kind.name}, ${told(one)}`);
      context.progress({ task: "converting", step: i + 1, total: network.modules.length });
    }
  } finally {
    for (const tool of Object.values(tools)) tool.close();
    device.close();
  }
  if (made.length === 0) {
    throw new UserError(
      `${path}: changes norms and biases alone, which no plain LoRA can; leave it as it is`,
    );
  }
  if (dropped.length > 0) {
    context.warn(
      `${path}: a plain LoRA has no place for changes of norms and biases; left out: ${dropped[0]}${
        dropped.length > 1 ? ` and ${dropped.length - 1} more` : ""
      }`,
    );
  }
  tellErrors(made, context);
  return {
    modules: made.map(({ module }) => module),
    weights: new Map(
      made.flatMap(({ module: { name }, down, up }) => [[`${name}.${DOWN}`, down], [`${name}.${UP}`, up]]),
    ),
  };
}

async function madeLora(
  module: NetworkModule,
  weights: LoadedLora["weights"],
  base: () => Float32Array,
  { config, context, changes, products }: Tools & {
    config: ConvertLoraConfig;
    context: JobContext;
  },
): Promise<Made | null> {
  const { shape } = module, [out, ...inputs] = shape, width = inputs.reduce((n, d) => n * d, 1);
  const large = shape.length === 4 && shape[2] * shape[3] > 1;
  const asked = large ? config.convDim ?? config.dim : config.dim;
  const own = module.kind === lora && module.tensors[DOWN].length === shape.length &&
    Object.keys(module.tensors).length === 2;
  const [ownDown, ownUp] = [DOWN, UP].map((suffix) => weights.get(`${module.name}.${suffix}`)!);
  if (own && (asked === null || module.rank <= asked)) {
    return { module, down: ownDown, up: ownUp, whole: 0, left: 0 };
  }
  const values = shape.length === 1 ? null : await changes.ofWeight(module, weights, base);
  if (values === null) return null;
  const rank = Math.min(asked ?? (module.kind === lora ? module.rank : USUAL_RANK), out, width);
  const found = own
    ? scaled(productSvd(ownUp, ownDown, module.rank, rank), scaleOf(module))
    : await lowRank(await products.matrix(values, out, width, rowsFor(rank, out, width)), rank, () =>
      hearSignals(context));
  const factors = factorsFrom(found, { rank, out, width });
  const name = module.name.startsWith(OFT_PREFIX)
    ? `lora_unet_${module.name.slice(OFT_PREFIX.length)}`
    : module.name;
  const alpha = { value: rank, integer: true }, tensors = lora.tensors(module, { rank, alpha });
  return {
    module: { ...module, name, kind: lora, rank, alpha, settings: undefined, tensors },
    ...factors,
    ...await products.leftOf(values, { ...factors, rank }),
  };
}

function scaled<T extends { readonly values: Float64Array }>(found: T, scale: number): T {
  return { ...found, values: found.values.map((v) => v * scale) };
}

function changesBias({ kind, tensors }: NetworkModule): boolean {
  return kind.biases !== undefined && Object.keys(tensors).some((suffix) => kind.biases!.includes(suffix)) ||
    Object.keys(tensors).some((suffix) => suffix === "w_norm");
}

const error = ({ left, whole }: Pick<Made, "left" | "whole">) => whole === 0 ? 0 : Math.sqrt(left / whole);

const percent = (share: number) => `${(100 * share).toFixed(share < 0.001 ? 3 : 1)}%`;

function told(one: Made): string {
  return one.whole === 0
    ? `stays at rank ${one.module.rank}`
    : `rank ${one.module.rank}, error ${percent(error(one))}`;
}

function tellErrors(made: readonly Made[], { log }: Pick<JobContext, "log">): void {
  const changed = made.filter(({ whole }) => whole > 0);
  if (changed.length === 0) return;
  const sum = (of: (one: Made) => number) => changed.reduce((total, one) => total + of(one), 0);
  const all = error({ left: sum((one) => one.left), whole: sum((one) => one.whole) });
  const worst = changed.toSorted((a, b) => error(b) - error(a))[0];
  log(
    `${counted(changed.length, "module")} of other kinds or ranks; error ${
      percent(all)
    } of the change's norm, most in ${worst.module.name}: ${percent(error(worst))}`,
  );
}
