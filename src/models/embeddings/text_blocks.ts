/** The blocks of a U-Net that XTI (arXiv 2303.09522) gives vectors of their own: all that look at the text. */
import { UNET } from "../families/family.ts";
import type { Shapes } from "../weights.ts";

export interface TextBlock {
  /** As files call it: IN01, MID, OUT11. */
  readonly name: string;
  /** Its place in the U-Net: input_blocks.1, middle_block, output_blocks.11. */
  readonly block: string;
}

/** From the input to the output; SD1 and SD2 have 16. */
export function textBlocks(shapes: Shapes): TextBlock[] {
  const keys = [...shapes.keys()];
  const pattern = new RegExp(
    `^${UNET}\\.((input|middle|output)_blocks?)\\.(\\d+)\\..*attn2\\.to_k\\.weight$`,
  );
  const found = new Map<string, TextBlock & { order: number }>();
  for (const key of keys) {
    const [, place, side, number] = pattern.exec(key) ?? [];
    if (!place) continue;
    const middle = side === "middle", block = middle ? place : `${place}.${number}`;
    const name = middle ? "MID" : `${side === "input" ? "IN" : "OUT"}${number.padStart(2, "0")}`;
    const order = ["input", "middle", "output"].indexOf(side) * 1000 + (middle ? 0 : Number(number));
    found.set(block, { name, block, order });
  }
  return [...found.values()].sort((a, b) => a.order - b.order).map(({ name, block }) => ({ name, block }));
}
