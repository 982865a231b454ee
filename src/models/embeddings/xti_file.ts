/** Files of XTI: a tensor (vectors, width) for each block of the U-Net. */
import { UserError } from "../../base/errors.ts";
import { openCheckpoint } from "../../formats/checkpoint.ts";
import type { TokenVectors } from "./file.ts";
import type { NamedVectors } from "./save.ts";
import type { TokenTable } from "./table.ts";
import type { TextBlock } from "./text_blocks.ts";

/** Vectors that lie block by block, cut at the blocks. */
export function xtiTensors(
  blocks: readonly TextBlock[],
  { count, width, values }: Omit<NamedVectors, "name">,
): NamedVectors[] {
  const each = count / blocks.length;
  return blocks.map(({ name }, i) => ({
    name,
    count: each,
    width,
    values: values.subarray(i * each * width, (i + 1) * each * width),
  }));
}

/** All vectors of a file, block by block. Throws UserError where it is none for this model. */
export function readXti(path: string, blocks: readonly TextBlock[], { width }: TokenTable): TokenVectors {
  using file = openCheckpoint(path);
  const keys = new Set(file.keys()), missing = blocks.find(({ name }) => !keys.has(name));
  if (missing) {
    throw new UserError(
      `${path}: has no vectors for ${missing.name}; give a file of train_textual_inversion_XTI`,
    );
  }
  const [rows] = file.info(blocks[0].name).shape;
  const values = new Float32Array(blocks.length * rows * width);
  for (const [i, { name }] of blocks.entries()) {
    const { shape } = file.info(name);
    if (shape.length !== 2 || shape[0] !== rows || shape[1] !== width) {
      throw new UserError(
        `${path}: ${name} is [${
          shape.join(", ")
        }], [${rows}, ${width}] fits this model; use a file made for it`,
      );
    }
    values.set(file.f32(name), i * rows * width);
  }
  return { count: blocks.length * rows, width, values };
}
