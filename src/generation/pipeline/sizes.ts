/** Which sizes can be drawn. */

import { UserError } from "../../base/errors.ts";
import { HOW_TO_LIFT, limit } from "../../base/limits.ts";

/** Pixels of a picture, and of a batch of them. */
const MAX_PIXELS = 2 ** 26, MAX_BATCH_PIXELS = 2 ** 28;

/**
 * Throws UserError for a size that cannot be drawn, because its sides are no multiples or because `count` of it are more
 * than any memory holds.
 */
export function checkSize(
  { width, height }: { readonly width: number; readonly height: number },
  multiple: number,
  count = 1,
): void {
  if (width * height > limit(MAX_PIXELS)) {
    throw new UserError(
      `a picture of ${width}x${height} cannot be drawn; ${MAX_PIXELS} pixels are the most, or ${HOW_TO_LIFT}`,
    );
  }
  if (count * width * height > limit(MAX_BATCH_PIXELS)) {
    throw new UserError(
      `${count} pictures of ${width}x${height} cannot be drawn at once; lower --batch_size, or ${HOW_TO_LIFT}`,
    );
  }
  if (width % multiple === 0 && height % multiple === 0 && width > 0 && height > 0) return;
  throw new UserError(`a picture of ${width}x${height} cannot be drawn; sides are multiples of ${multiple}`);
}
