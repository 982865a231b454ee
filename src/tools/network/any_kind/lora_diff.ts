/** `easel lora diff`: how far two networks change a model differently, module by module, whatever kinds and keys they are of. */

import { UserError } from "../../../base/errors.ts";
import { hearSignals, type JobContext } from "../../../base/job.ts";
import { openCheckpoint } from "../../../formats/mod.ts";
import type { ModelFile } from "../../../models/mod.ts";
import { basesOf, type NetworkModule } from "../../../networks/mod.ts";
import { openChosenDevice } from "../../../runtime/mod.ts";
import { baseValues, Changes } from "./changes.ts";
import { fitted, type FittedNetwork, withModel } from "./fitting_model.ts";
import type { LoraDiffConfig } from "../options.ts";

/** Norms of the changes of one weight or bias, by A and by B, and their product. */
export interface Compared {
  /** The checkpoint's key. */
  readonly key: string;
  /** What makes the change: "LoRA, rank 4"; null where the file has no module for it. */
  readonly kinds: readonly [a: string | null, b: string | null];
  readonly squares: readonly [a: number, b: number];
  readonly product: number;
}

export interface Difference {
  readonly changes: readonly Compared[];
  /** What the files say of themselves differently: key -> A's word and B's. */
  readonly metadata: ReadonlyMap<string, readonly [string | undefined, string | undefined]>;
}

/** ||A - B|| over the larger of ||A|| and ||B||: 0 for the same, 1 for where one does nothing. */
export function distance({ squares: [a, b], product }: Pick<Compared, "squares" | "product">): number {
  const largest = Math.max(a, b);
  return largest === 0 ? 0 : Math.sqrt(Math.max(0, a + b - 2 * product) / largest);
}

/** Over all of them. */
export function totalOf(changes: readonly Compared[]): Pick<Compared, "squares" | "product"> {
  const sum = (of: (one: Compared) => number) => changes.reduce((total, one) => total + of(one), 0);
  return { squares: [sum((c) => c.squares[0]), sum((c) => c.squares[1])], product: sum((c) => c.product) };
}

/** Throws UserError for what is no network and for networks of models that differ. */
export async function loraDiff(
  config: LoraDiffConfig,
  [a, b]: readonly [a: string, b: string],
  context: JobContext,
): Promise<Difference> {
  using fileA = openCheckpoint(a);
  using fileB = openCheckpoint(b);
  return await withModel(config.sdModel, async (model) => {
    const first = fitted(fileA, model, context.warn), second = fitted(fileB, model ?? first, context.warn);
    const metadata = new Map(
      [...new Set([fileA, fileB].flatMap(({ metadata }) => Object.keys(metadata)))].sort()
        .map((key) => [key, [fileA.metadata[key], fileB.metadata[key]] as const] as const)
        .filter(([, [one, other]]) => one !== other),
    );
    return { changes: await compared([[a, first], [b, second]], model, config, context), metadata };
  });
}

type Side = readonly [path: string, fitted: FittedNetwork];

async function compared(
  sides: readonly [Side, Side],
  model: ModelFile | null,
  config: LoraDiffConfig,
  context: JobContext,
): Promise<Compared[]> {
  const modules = sides.map(([, { lora, shapes }]) =>
    new Map(lora.modules.flatMap((module) => keysOf(module, shapes).map((key) => [key, module] as const)))
  );
  const keys = [...new Set(modules.flatMap((table) => [...table.keys()]))];
  const device = openChosenDevice(config.device ?? "auto", { threads: config.threads }, context.log);
  const changes = new Changes(device), found: Compared[] = [];
  try {
    for (const [i, key] of keys.entries()) {
      await hearSignals(context);
      const both = [];
      for (const [k, side] of sides.entries()) {
        both.push(await changeOf(key, modules[k].get(key), side, model, changes));
      }
      const [x, y] = both;
      found.push({
        key,
        kinds: [x?.kind ?? null, y?.kind ?? null],
        squares: [dot(x?.values, x?.values), dot(y?.values, y?.values)],
        product: dot(x?.values, y?.values),
      });
      context.progress({ task: "comparing", step: i + 1, total: keys.length });
    }
  } finally {
    changes.close();
    device.close();
  }
  return found;
}

/** Without a third of a fused tensor being lost: its module's own path. */
function keysOf(module: NetworkModule, shapes: FittedNetwork["shapes"]): string[] {
  const weight = `${module.path}.weight`, bases = basesOf(module, (key) => shapes.has(key));
  return bases.length > 1 ? [weight, `${module.path}.bias`] : [weight];
}

async function changeOf(
  key: string,
  module: NetworkModule | undefined,
  [path, { lora }]: Side,
  model: ModelFile | null,
  changes: Changes,
): Promise<{ kind: string; values: Float32Array } | null> {
  if (!module) return null;
  const values = key.endsWith(".bias")
    ? await changes.ofBias(module, lora.weights)
    : await changes.ofWeight(module, lora.weights, () => baseValues(path, module, model));
  const hasRank = module.tensors["lora_down.weight"] !== undefined;
  return values && { kind: `${module.kind.name}${hasRank ? `, rank ${module.rank}` : ""}`, values };
}

function dot(a: Float32Array | undefined, b: Float32Array | undefined): number {
  if (!a || !b) return 0;
  if (a.length !== b.length) {
    throw new UserError(`the networks change weights of ${a.length} and of ${b.length} numbers`);
  }
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
