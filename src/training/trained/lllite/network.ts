/** A new LLLite, or one continued from a file. */

import { UsageError } from "../../../base/errors.ts";
import { type LLLiteSizes, llliteTensors, type ModelFile, openLLLite } from "../../../models/mod.ts";
import type { TorchGenerator } from "../../../random/mod.ts";
import { sizeOf } from "../../step/trainable.ts";
import { STANDARD_SIZE } from "./options.ts";

/** An LLLite whose first weights are still to be drawn. */
export interface LLLiteSetup {
  /** Of every tensor, by the names of files. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  weights(torch: TorchGenerator): Map<string, Float32Array>;
}

interface LLLiteFlags {
  readonly condEmbDim: number | null;
  readonly networkDim: number | null;
  readonly networkWeights: string | null;
}

/** Throws UserError for a file that does not fit the model, UsageError for sizes that are not the file's. */
export function setUpLLLite(
  { condEmbDim, networkDim, networkWeights }: LLLiteFlags,
  model: Pick<ModelFile, "family" | "shapes">,
): LLLiteSetup {
  if (networkWeights === null) {
    const sizes = { embedding: condEmbDim ?? STANDARD_SIZE, inner: networkDim ?? STANDARD_SIZE };
    const shapes = llliteTensors(model.shapes, sizes);
    return { shapes, weights: (torch) => firstWeights(shapes, torch) };
  }
  const file = openLLLite(networkWeights, model, "network_weights");
  try {
    refuseOtherSizes(networkWeights, file.sizes, { condEmbDim, networkDim });
    const read = new Map([...file.shapes.keys()].map((name) => [name, file.read(name)]));
    return { shapes: file.shapes, weights: () => read };
  } finally {
    file.close();
  }
}

function refuseOtherSizes(
  path: string,
  { embedding, inner }: LLLiteSizes,
  { condEmbDim, networkDim }: Omit<LLLiteFlags, "networkWeights">,
): void {
  for (
    const [flag, asked, found] of [
      ["cond_emb_dim", condEmbDim, embedding],
      ["network_dim", networkDim, inner],
    ] as const
  ) {
    if (asked === null || asked === found) continue;
    throw new UsageError(
      `${path}: --${flag} ${asked} is asked for and the file has ${found}; leave --${flag} out`,
    );
  }
}

/** The way out of a module, which begins at zero: the U-Net is as it was. */
const OUT = /\.up\.0\.weight$/;

/** PyTorch's first values of linear layers and convolutions, drawn layer by layer: uniform within 1 / sqrt(fan in). */
function firstWeights(
  shapes: LLLiteSetup["shapes"],
  torch: TorchGenerator,
): Map<string, Float32Array> {
  return new Map([...shapes].map(([name, shape]) => {
    const [out, ...rest] = shapes.get(name.replace(/bias$/, "weight"))!;
    const bound = 1 / Math.sqrt(sizeOf([out, ...rest]) / out);
    const drawn = torch.uniform(-bound, bound, sizeOf(shape));
    return [name, OUT.test(name) ? new Float32Array(drawn.length) : drawn];
  }));
}
