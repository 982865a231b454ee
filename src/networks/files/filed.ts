/** From the form in which modules are trained to the one in files, and back. */

import { UserError } from "../../base/errors.ts";
import type { LoraWeights } from "../kinds/first_weights.ts";
import type { NetworkModule } from "../kinds/kind.ts";
import type { LoraOptions } from "../sites/args.ts";

interface Network {
  readonly modules: readonly NetworkModule[];
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/** Modules and weights as a file holds them. */
export function filedAs({ modules, weights }: Network): { modules: NetworkModule[]; weights: LoraWeights } {
  const packed: LoraWeights = new Map();
  const filed = modules.map((module): NetworkModule => {
    refuseReadOnly(module);
    const { filed } = module.kind, values = valuesOf(module, weights);
    for (const [suffix, v] of Object.entries(filed ? filed.pack(module, values) : values)) {
      packed.set(`${module.name}.${suffix}`, v);
    }
    return filed ? { ...module, kind: filed.kind, tensors: filed.kind.tensors(module, module) } : module;
  });
  return { modules: filed, weights: packed };
}

/** Throws UserError for what is read only, in the network of a training too. */
export function refuseReadOnly({ name, kind }: NetworkModule): void {
  if (!kind.readOnly) return;
  throw new UserError(
    `${name} is ${kind.name}, which is drawn with and merged only; make a LoRA of it with easel convert_lora --to lora`,
  );
}

/** Modules of a file as options ask for them to be trained. */
export function trainedAs(
  { modules, weights }: Network,
  { kind, settings }: Pick<LoraOptions, "kind" | "settings">,
): { modules: NetworkModule[]; weights: LoraWeights } {
  const unpacked: LoraWeights = new Map();
  const trained = modules.map((module): NetworkModule => {
    const values = valuesOf(module, weights);
    const filed = kind?.filed?.kind === module.kind ? kind.filed : undefined;
    const own = filed && kind
      ? { ...module, kind, settings, tensors: kind.tensors(module, { ...module, settings }) }
      : module;
    for (const [suffix, v] of Object.entries(filed ? filed.unpack(own, values) : values)) {
      unpacked.set(`${module.name}.${suffix}`, v);
    }
    return own;
  });
  return { modules: trained, weights: unpacked };
}

function valuesOf(
  { name, tensors }: NetworkModule,
  weights: Network["weights"],
): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.keys(tensors).map((suffix) => {
      const values = weights.get(`${name}.${suffix}`);
      if (!values) throw new TypeError(`there are no weights for ${name}.${suffix}`);
      return [suffix, values];
    }),
  );
}
