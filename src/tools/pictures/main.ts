/**
 * Draws the pictures that come with easel or that its default model learns from:
 *   deno run -A src/tools/pictures/main.ts scenes|cats|moka FOLDER COUNT SEED
 */

import { drawWithCats } from "./cat.ts";
import { drawMoka } from "./creature.ts";
import { drawFolder } from "./folder.ts";
import { drawPicture } from "./scenes.ts";

const [what, folder, count, seed] = Deno.args;
const draw = { scenes: drawPicture, cats: drawWithCats, moka: drawMoka }[what];
if (!draw || !folder || !(Number(count) > 0) || !/^\d+$/.test(seed ?? "")) {
  console.error("usage: main.ts scenes|cats|moka FOLDER COUNT SEED");
  Deno.exit(2);
}
const problem = drawFolder(folder, draw, { count: Number(count), size: 128, seed: Number(seed) });
if (problem) {
  console.error(problem);
  Deno.exit(1);
}
