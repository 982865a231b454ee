import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { decodeImage } from "../../src/images/load.ts";
import { pictureGrid } from "../../src/demo/grid.ts";
import { lettering, wrapped } from "../../src/demo/lettering.ts";
import { encodePng } from "../../src/images/png_file.ts";

/** A line of text as rows of # and blanks. */
function drawn(text: string): string[] {
  const { width, height, ink } = lettering(text, 1);
  return Array.from(
    { length: height },
    (_, y) => Array.from({ length: width }, (_, x) => ink(x, y) ? "#" : " ").join("").trimEnd(),
  );
}

Deno.test("letters stand on one line and hang below it where they should", () => {
  deepStrictEqual(drawn("big a"), [
    "#       #",
    "#",
    "# ##   ##    ####        ###",
    "##  #   #   #   #           #",
    "#   #   #   #   #        ####",
    "#   #   #   #   #       #   #",
    "####   ###   ####        ####",
    "                #",
    "             ###",
  ]);
  strictEqual(new Set([..."abcdefghijklmnopqrstuvwxyz"].map((c) => drawn(c).join("\n"))).size, 26);
  ok(drawn("é").some((row) => row.includes("#####")), "what the font has not is a box");
});

Deno.test("labels break at spaces", () => {
  deepStrictEqual(wrapped("a house with a roof", 60, 1), ["a house", "with a", "roof"]);
  deepStrictEqual(wrapped("background", 12, 1), ["background"], "a word is never cut");
});

Deno.test("pictureGrid() puts labels beside pictures, never into them", async () => {
  const dir = Deno.makeTempDirSync();
  const picture = join(dir, "red.png"), [side, red] = [32, [200, 0, 0]];
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => red[i % 3]);
  Deno.writeFileSync(picture, encodePng({ width: side, height: side, data }));
  const rows = [
    { label: "before", pictures: [picture, picture], captions: ["cat", "a cat"] },
    { label: "after", pictures: [picture] },
  ];
  const plain = await decodeImage(await pictureGrid(rows.map(({ pictures }) => ({ pictures }))));
  deepStrictEqual([plain.width, plain.height], [2 * 64 + 3 * 4, 2 * 64 + 3 * 4]);
  const labelled = await decodeImage(await pictureGrid(rows));
  ok(labelled.width > plain.width && labelled.height > plain.height);
  const counts = (image: { data: Uint8Array }) => {
    let [inked, reds] = [0, 0];
    for (let i = 0; i < image.data.length; i += 3) {
      if (image.data[i] === 200) reds++;
      else if (image.data[i] < 200) inked++;
    }
    return { inked, reds };
  };
  deepStrictEqual(counts(plain), { inked: 0, reds: 3 * 64 * 64 });
  strictEqual(counts(labelled).reds, 3 * 64 * 64);
  ok(counts(labelled).inked > 200);
  Deno.removeSync(dir, { recursive: true });
});
