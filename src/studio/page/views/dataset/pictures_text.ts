/** "1 picture", "3 pictures". */

import { fill, number } from "../../words/mod.ts";

export function picturesText(
  n: number,
  words: { readonly pictures: string; readonly onePicture: string },
): string {
  return n === 1 ? words.onePicture : fill(words.pictures, { n: number(n) });
}
