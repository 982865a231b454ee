/** From what the page sends to pictures on the disk: single ones, and grids. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../../src/base/job.ts";
import { genImgJob } from "../../../src/generation/gen_img_job.ts";
import type { GenImgConfig } from "../../../src/generation/groups.ts";
import { decodeImage } from "../../../src/images/load.ts";
import { parseArgs } from "../../../src/options/given/parse.ts";
import type { AskedDrawing } from "../../../src/studio/draw/drawing.ts";
import type { NewJob } from "../../../src/studio/draw/shown.ts";
import type { Gallery } from "../../../src/studio/draw/shown.ts";
import { pictureSettings } from "../../../src/studio/draw/picture_settings.ts";
import { routes } from "../../../src/studio/draw/routes.ts";
import { topics } from "../../../src/studio/draw/topics.ts";
import { encodePng } from "../../../src/images/png_file.ts";
import type { Studio } from "../../../src/studio/studio.ts";
import { GEN_IMG_DEFAULTS } from "../../generation/defaults.ts";
import { writeTinyLora, writeTinyModel } from "../../training/tiny_run.ts";
import { ask, refusedBy, withStudio } from "../hand_made.ts";

/** Runs a job's words as the command line would. */
async function run({ command, args }: NewJob): Promise<void> {
  assert.equal(command, "gen_img");
  const camel = (name: string) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
  const values = Object.entries(parseArgs(args, genImgJob.groups).values).map((
    [name, value],
  ) => [camel(name), value]);
  const config: GenImgConfig = {
    ...GEN_IMG_DEFAULTS,
    ...Object.fromEntries(values),
    threads: 1,
    device: "cpu",
  };
  genImgJob.check?.(config);
  await genImgJob.run(config, quietContext());
}

const post = async (studio: Studio, path: string, body: unknown) =>
  await (await ask(routes, studio, "POST", path, { body })).json();

const get = async (studio: Studio, path: string) => await (await ask(routes, studio, "GET", path)).json();

async function gallery(studio: Studio, folder: string, from = 0): Promise<Gallery> {
  return await get(studio, `/api/draw/gallery?from=${from}&folder=${encodeURIComponent(folder)}`);
}

function small(dir: string): Partial<AskedDrawing> {
  return { model: join(dir, "model.safetensors"), width: 64, height: 64, steps: 2, sampler: "euler_a" };
}

Deno.test("a prompt with its LoRAs becomes a job, and its pictures say how they were drawn", async () => {
  await withStudio(async (dir, studio) => {
    writeTinyModel(join(dir, "model.safetensors"));
    writeTinyLora(join(dir, "cat one.safetensors"), "a", 2);
    assert.deepEqual((await gallery(studio, "pictures")).pictures, [], "a folder that is not there has none");
    const asked = {
      ...small(dir),
      prompt: " a cat\n(sitting:1.2) ",
      negativePrompt: "blurry",
      seed: 4294967295,
      batch: 2,
      loras: [{ path: join(dir, "cat one.safetensors"), strength: 0.75 }],
    };
    const { jobs, folder, seed } = await post(studio, "/api/draw/job", asked);
    assert.deepEqual([jobs.length, folder, seed], [1, join(dir, "pictures"), 4294967295]);
    await run(jobs[0]);
    const { pictures, count } = await gallery(studio, folder);
    assert.equal(count, 2);
    const found = await Promise.all(
      pictures.map(({ path }) => get(studio, `/api/draw/settings?path=${encodeURIComponent(path)}`)),
    );
    assert.deepEqual(found.map(({ seed }) => seed).sort(), [0, 4294967295], "counted on, and over the end");
    const { prompt, negativePrompt, loras, steps, width, model, by, sampler } = found[0];
    assert.deepEqual({ prompt, negativePrompt, loras, steps, width, model, by, sampler }, {
      ...{ prompt: "a cat (sitting:1.2)", negativePrompt: "blurry", steps: 2, width: 64, model: "model" },
      ...{ by: "gen_img", sampler: "euler_a", loras: [{ name: "cat one", strength: 0.75 }] },
    });

    const dropped = Deno.readFileSync(pictures[0].path), before = [...Deno.readDirSync(dir)].length;
    const shown = await ask(
      routes,
      studio,
      "GET",
      `/api/draw/picture?path=${encodeURIComponent(pictures[0].path)}`,
    );
    assert.deepEqual(new Uint8Array(await shown.arrayBuffer()), dropped);
    const noPicture = `/api/draw/picture?path=${encodeURIComponent(asked.model!)}`;
    assert.equal(await refusedBy(ask(routes, studio, "GET", noPicture)), 404);
    const said = await ask(routes, studio, "POST", "/api/draw/settings", { body: dropped });
    assert.deepEqual(await said.json(), found[0]);
    assert.equal([...Deno.readDirSync(dir)].length, before, "nothing of it is written");
    assert.equal((await gallery(studio, folder, 1)).pictures.length, 1);
  });
});

Deno.test("a grid is one run: each picture is that of its LoRA at its strength", async () => {
  await withStudio(async (dir, studio) => {
    writeTinyModel(join(dir, "model.safetensors"));
    const loras = ["cat-000001", "cat-000002"].map((name) => join(dir, `${name}.safetensors`));
    loras.forEach((path) => writeTinyLora(path, path, 2));
    const body = {
      ...small(dir),
      prompt: "# a cat",
      seed: 5,
      x: { kind: "lora", values: loras },
      y: { kind: "strength", values: [0, 1] },
    };
    const { jobs, folder } = await post(studio, "/api/draw/grid", body);
    assert.equal(jobs.length, 1);
    const before = await get(studio, `/api/draw/grid?folder=${encodeURIComponent(folder)}`);
    assert.deepEqual(before.drawn, [[false, false], [false, false]]);
    await run(jobs[0]);
    const grid = await get(studio, `/api/draw/grid?folder=${encodeURIComponent(folder)}`);
    assert.deepEqual([grid.x.labels, grid.y.labels, grid.drawn], [
      ["cat-000001", "cat-000002"],
      ["0", "1"],
      [[true, true], [true, true]],
    ]);
    const bytes = (row: number, column: number) => Deno.readFileSync(join(folder, grid.cells[row][column]));
    const pixels = async (row: number, column: number) => (await decodeImage(bytes(row, column))).data;
    assert.deepEqual(await pixels(0, 0), await pixels(0, 1), "no strength, no LoRA");
    assert.notDeepEqual(await pixels(1, 0), await pixels(0, 0));
    assert.notDeepEqual(await pixels(1, 0), await pixels(1, 1));
    assert.deepEqual(pictureSettings(bytes(1, 1)).loras, [{ name: "cat-000002", strength: 1 }]);
    assert.deepEqual([pictureSettings(bytes(1, 1)).prompt, pictureSettings(bytes(1, 1)).seed], [
      "# a cat",
      5,
    ]);
    assert.deepEqual((await gallery(studio, "pictures")).grids.map(({ path }) => path), [folder]);
    assert.equal((await gallery(studio, folder)).count, 4);
  });
});

Deno.test("samplers are an axis by a run each; steps, scales and seeds go into the prompts", async () => {
  await withStudio(async (dir, studio) => {
    writeTinyModel(join(dir, "model.safetensors"));
    writeTinyLora(join(dir, "cat.safetensors"), "cat", 2);
    const loras = [{ path: join(dir, "cat.safetensors"), strength: 0.5 }],
      base = { ...small(dir), prompt: "a cat", loras, seed: 3 };
    const { jobs, folder } = await post(studio, "/api/draw/grid", {
      ...base,
      x: { kind: "sampler", values: ["euler", "ddim"] },
      y: { kind: "steps", values: [1, 2] },
    });
    assert.equal(jobs.length, 2);
    for (const job of jobs) await run(job);
    const cells = ["x0_y0", "x1_y0", "x0_y1", "x1_y1"].map((name) =>
      pictureSettings(Deno.readFileSync(join(folder, `${name}.png`)))
    );
    assert.deepEqual(cells.map(({ sampler, steps }) => [sampler, steps]), [["euler", 1], ["ddim", 1], [
      "euler",
      2,
    ], ["ddim", 2]]);
    const lines = async (x: unknown, y: unknown) => {
      const { jobs } = await post(studio, "/api/draw/grid", { ...base, x, y });
      const file = jobs[0].args[jobs[0].args.indexOf("--from_file") + 1];
      return Deno.readTextFileSync(file).trimEnd().split("\n");
    };
    assert.deepEqual(
      await lines({ kind: "scale", values: [1.5] }, { kind: "strength", values: [0.25, 1e-7] }),
      [
        " a cat --am 0.25 --s 2 --l 1.5 --d 3 --f x0_y0.png",
        " a cat --am 0 --s 2 --l 1.5 --d 3 --f x0_y1.png",
      ],
    );
  });
});

Deno.test("what cannot be drawn is refused before anything is written, naming the field", async () => {
  await withStudio(async (dir, studio) => {
    const good = { ...small(dir), prompt: "a cat" };
    const message = async (path: string, body: unknown) => {
      try {
        await post(studio, path, body);
      } catch (error) {
        return (error as Error).message;
      }
      return "it was taken";
    };
    const wrong: [Record<string, unknown>, RegExp][] = [
      [{ prompt: "" }, /^prompt: /],
      [{ prompt: "--n x" }, /^prompt: /],
      [{ width: 63.5 }, /^width: 63\.5 is no whole number/],
      [{ steps: 1e9 }, /^steps: /],
      [{ scale: "7" }, /^scale: "7"/],
      [{ seed: -1 }, /^seed: /],
      [{ sampler: "best" }, /^sampler: there is no sampler best/],
      [{ model: "" }, /^model: /],
      [{ model: "/etc/passwd" }, /lies in none/],
      [{ folder: "../elsewhere" }, /lies in none/],
      [{ loras: [{ path: "/etc/x.safetensors", strength: 1 }] }, /lies in none/],
      [{ loras: [{ path: join(dir, "x.safetensors"), strength: 1e9 }] }, /^strength: /],
      [{ precision: "--outdir" }, /^precision: /],
    ];
    for (const [field, expected] of wrong) {
      assert.match(await message("/api/draw/job", { ...good, ...field }), expected);
    }
    const axis = { kind: "steps", values: [1] };
    const grids: [unknown, unknown, RegExp][] = [
      [axis, axis, /both are steps/],
      [axis, { kind: "scale", values: [] }, /^y: give at least one/],
      [axis, { kind: "strength", values: [1] }, /^strength: there is no LoRA/],
      [axis, { kind: "cfg", values: [1] }, /"cfg" cannot be an axis/],
      [axis, { kind: "sampler", values: ["best"] }, /no sampler best/],
      [axis, { kind: "lora", values: ["/etc/x"] }, /lies in none/],
      [
        { kind: "seed", values: Array(30).fill(1) },
        { kind: "steps", values: Array(30).fill(1) },
        /30 times 30/,
      ],
    ];
    for (const [x, y, expected] of grids) {
      assert.match(await message("/api/draw/grid", { ...good, x, y }), expected);
    }
    assert.deepEqual([...Deno.readDirSync(dir)], []);
    Deno.mkdirSync(join(dir, "g"));
    Deno.writeTextFileSync(
      join(dir, "g", "grid.json"),
      '{"easel":"grid","x":{},"y":{},"cells":[["../../x"]]}',
    );
    assert.equal(await refusedBy(ask(routes, studio, "GET", `/api/draw/grid?folder=${dir}/g`)), 404);
    const long = new Uint8Array((64 << 20) + 1);
    assert.equal(await refusedBy(ask(routes, studio, "POST", "/api/draw/settings", { body: long })), 413);
  });
});

Deno.test("what can be drawn with is offered; a page hears of each picture, and sees it small", async () => {
  await withStudio(async (dir, studio) => {
    writeTinyModel(join(dir, "model.safetensors"));
    writeTinyLora(join(dir, "cat.safetensors"), "cat", 2);
    Deno.writeTextFileSync(join(dir, "broken.safetensors"), "no");
    const { samplers, models, loras } = await get(studio, "/api/draw/choices");
    assert.ok(samplers.includes("euler_a"));
    assert.deepEqual(models.map(({ name }: { name: string }) => name), ["model.safetensors", "builtin:tiny"]);
    assert.deepEqual(loras.map(({ name }: { name: string }) => name), ["cat.safetensors"]);

    const folder = join(dir, "new\npictures"), heard: unknown[] = [];
    const stop = topics[0].watch((data) => heard.push(data), studio, encodeURIComponent(folder));
    assert.deepEqual(heard, [{ changed: null }]);
    Deno.mkdirSync(folder);
    Deno.writeFileSync(join(folder, "a.png"), encodePng({ width: 4, height: 4, data: new Uint8Array(48) }));
    for (let i = 0; i < 40 && heard.length < 2; i++) await new Promise((next) => setTimeout(next, 100));
    stop();
    assert.equal(heard.length, 2);
    const small = `/api/draw/thumbnail?path=${encodeURIComponent(join(folder, "a.png"))}`;
    const answer = await ask(routes, studio, "GET", small);
    assert.equal(answer.headers.get("content-type"), "image/jpeg");
    await answer.body?.cancel();
    assert.throws(() => topics[0].watch(() => {}, studio, encodeURIComponent("/etc")), /lies in none/);
  });
});

Deno.test("where no size is asked for pictures have the model's own", async () => {
  await withStudio(async (_, studio) => {
    const sizeFor = async (fields: Record<string, unknown>) => {
      const asked = { model: "builtin:tiny", prompt: "a cat", width: null, height: null, ...fields };
      const { args } = (await post(studio, "/api/draw/job", asked)).jobs[0];
      return [args[args.indexOf("--W") + 1], args[args.indexOf("--H") + 1]];
    };
    assert.deepEqual(await sizeFor({}), ["128", "128"]);
    assert.deepEqual(await sizeFor({ width: 192 }), ["192", "128"]);
    assert.deepEqual(await sizeFor({ model: "builtin:none" }), ["512", "512"]);
  });
});
