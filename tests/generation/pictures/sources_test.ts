import assert from "node:assert/strict";
import { quietContext } from "../../../src/base/job.ts";
import { genImg } from "../../../src/generation/gen_img.ts";
import { readSources, repeated } from "../../../src/generation/pictures/sources.ts";
import { picturePrompts } from "../../../src/generation/prompts/prompter.ts";
import { pictureRequests } from "../../../src/generation/prompts/requests.ts";
import { encodePng } from "../../../src/images/png_file.ts";
import { pngTexts } from "../../../src/generation/pictures/png_texts.ts";
import { GEN_IMG_DEFAULTS } from "../defaults.ts";

const picture = (side: number, value: number) => ({
  width: side,
  height: side,
  data: new Uint8Array(side * side * 3).fill(value),
});

Deno.test("what of a folder cannot be read is told, and goes with its mask; a mask of another size is told", async () => {
  const dir = Deno.makeTempDirSync(), warnings: string[] = [];
  const read = (config: object) =>
    readSources({ ...GEN_IMG_DEFAULTS, ...config }, (line) => void warnings.push(line));
  try {
    for (const folder of ["in", "masks", "broken"]) Deno.mkdirSync(`${dir}/${folder}`);
    ["a", "b", "c"].forEach((name, i) => {
      Deno.writeFileSync(`${dir}/in/${name}.png`, encodePng(picture(64, i)));
      Deno.writeFileSync(`${dir}/masks/${name}.png`, encodePng(picture(name === "c" ? 32 : 64, 100 + i)));
    });
    Deno.writeTextFileSync(`${dir}/in/b.png`, "no picture");
    const { images, names, masks } = await read({ imagePath: `${dir}/in`, maskPath: `${dir}/masks` });
    assert.deepEqual(names, ["a", "c"]);
    assert.deepEqual([images!.map(({ data }) => data[0]), masks!.map(({ data }) => data[0])], [[0, 2], [
      100,
      102,
    ]]);
    assert.match(warnings[0], /in\/b\.png: .*; it is left out$/);
    assert.match(warnings[1], /masks\/c\.png: is scaled from 32x32 to 64x64, the picture's size/);
    assert.equal(warnings.length, 2);
    const twice = repeated({ images, names, masks, paths: names, regions: null, guides: null }, 2);
    assert.deepEqual(twice.names, ["a", "a", "c", "c"]);
    await assert.rejects(read({ imagePath: `${dir}/in/b.png` }), /b\.png/);

    warnings.length = 0;
    const follows = { guideImagePath: [`${dir}/in`], controlNetModels: ["one"] };
    const followed = await read({ ...follows, imagePath: `${dir}/masks` });
    assert.deepEqual([followed.names, followed.guides!.map(({ path }) => path.slice(-5))], [["a", "c"], [
      "a.png",
      "c.png",
    ]]);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /in\/b\.png: .*; it is left out$/);
    assert.equal((await read(follows)).guides!.length, 2);
    for (const strict of [{ controlNetModels: ["one", "two"] }, { guideImagePath: [`${dir}/in/b.png`] }]) {
      await assert.rejects(read({ ...follows, ...strict }), /b\.png/);
    }
    Deno.writeTextFileSync(`${dir}/broken/b.png`, "no picture");
    await assert.rejects(
      read({ imagePath: `${dir}/in`, maskPath: `${dir}/none.png` }),
      /none\.png: cannot be read; --mask_path takes/,
    );
    await assert.rejects(read({ imagePath: `${dir}/broken` }), /none of its 1 pictures can be read/);
    await assert.rejects(
      read({ imagePath: `${dir}/in`, W: 64, H: 64, highresFixScale: 0.01 }),
      /--highres_fix_scale 0\.01 makes 0x0 of 64x64/,
    );
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("without prompts the pictures' own are drawn again, each as often as is asked for", async () => {
  const dir = Deno.makeTempDirSync();
  const draw = (options: Partial<typeof GEN_IMG_DEFAULTS>) =>
    genImg({
      ...GEN_IMG_DEFAULTS,
      ...{ ckpt: "builtin:tiny", W: 32, H: 32, steps: 2, threads: 1, sequentialFileName: true, ...options },
    }, quietContext());
  try {
    Deno.writeTextFileSync(`${dir}/two.txt`, "a red circle --n blue\na sun ☀\n");
    await draw({ fromFile: `${dir}/two.txt`, outdir: `${dir}/first` });
    await draw({ imagePath: `${dir}/first`, strength: 0.5, imagesPerPrompt: 2, outdir: `${dir}/again` });
    const texts = [1, 2, 3, 4].map((n) => pngTexts(Deno.readFileSync(`${dir}/again/im_00000${n}.png`)));
    assert.deepEqual(texts.map((text) => text.get("prompt")), [
      "a red circle",
      "a red circle",
      "a sun ☀",
      "a sun ☀",
    ]);
    assert.equal(texts[0].get("negative-prompt"), "blue");
    Deno.writeFileSync(`${dir}/plain.png`, encodePng(picture(32, 0)));
    assert.throws(() => picturePrompts([`${dir}/plain.png`]), /plain\.png: has no prompt in it/);
    assert.equal(pngTexts(new Uint8Array(5)).size, 0);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("prompt options that contradict or do nothing are told", () => {
  const warnings: string[] = [], config = { ...GEN_IMG_DEFAULTS, seed: 1, scale: 1 };
  const [request] = pictureRequests(
    config,
    ["a --w 64 --w 128 --nl 2"],
    { width: 32, height: 32 },
    (line) => void warnings.push(line),
  );
  assert.equal(request.settings.width, 128);
  assert.deepEqual(warnings, [
    "prompt option --w stands there twice; the last one counts",
    "prompt option --nl does nothing at a scale of 1; with --l above 1 it does",
  ]);
});
