import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { join } from "node:path";
import { readOnnx } from "../../src/formats/onnx/onnx_file.ts";
import { withDefaults } from "../../src/options/mod.ts";
import { compatOptions } from "../../src/options/shared.ts";
import { deviceOptions } from "../../src/runtime/options.ts";
import { TagChooser } from "../../src/tools/tagging/choose_tags.ts";
import { type TaggerConfig, taggerOptions } from "../../src/tools/tagging/options.ts";
import { readTagNames } from "../../src/tools/tagging/tag_names.ts";
import { tagImages } from "../../src/tools/tagging/tag_images.ts";
import { easel } from "../cli/easel.ts";
import { serveHub } from "../hub/server.ts";
import { listening, writePictures } from "../training/tiny_run.ts";

const DATA = join(import.meta.dirname!, "../golden/data/tagger");

function config(more: Partial<TaggerConfig> = {}): TaggerConfig {
  const groups = [taggerOptions, compatOptions, deviceOptions] as const;
  return { ...withDefaults(groups, { device: "cpu", threads: 1 }), trainDataDir: "", ...more };
}

/** A folder with pictures and a model, whose bytes `change` may alter. */
function files(change: (bytes: Uint8Array) => Uint8Array = (b) => b): { dir: string; config: TaggerConfig } {
  const dir = Deno.makeTempDirSync({ prefix: "easel-tagging-" }), model = join(dir, "m", "x_y");
  Deno.mkdirSync(model, { recursive: true });
  Deno.copyFileSync(join(DATA, "selected_tags.csv"), join(model, "selected_tags.csv"));
  Deno.writeFileSync(
    join(model, "model.onnx"),
    change(Deno.readFileSync(join(DATA, "convnext_batch2.onnx"))),
  );
  writePictures(join(dir, "d"), 3);
  return {
    dir,
    config: config({
      trainDataDir: join(dir, "d", "1_thing"),
      captionExtension: ".tags",
      modelDir: join(dir, "m"),
      repoId: "x/y",
      thresh: 0.5,
    }),
  };
}

function replaced(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const text = Array.from(bytes, (b) => String.fromCharCode(b)).join("").replaceAll(from, to);
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

Deno.test("tagImages() tags every picture, the rest of a fixed batch too, and leaves damaged ones out", async () => {
  const { dir, config } = files(), heard = listening();
  Deno.writeTextFileSync(join(dir, "d", "1_thing", "broken.png"), "no picture");
  const frequencies = await tagImages(config, heard);
  const texts = [...Deno.readDirSync(config.trainDataDir)].filter(({ name }) => name.endsWith(".tags"));
  strictEqual(texts.length, 3);
  ok(heard.lines.some((line) => /^warning: left out: .*broken\.png/.test(line)), heard.lines.join("\n"));
  ok(heard.lines.some((line) => /the model takes 2 pictures at once/.test(line)));
  ok(frequencies.length > 0 && frequencies.every(([, n], i) => i === 0 || n <= frequencies[i - 1][1]));
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("tagImages() keeps the tags of files of every encoding, and puts none in a picture's place", async () => {
  const { dir, config } = files(), file = join(config.trainDataDir, "0.tags");
  const before = "\ufeffé, 日本\r\n";
  Deno.writeFileSync(file, new Uint8Array(Uint16Array.from(before, (c) => c.charCodeAt(0)).buffer));
  await tagImages({ ...config, appendTags: true }, listening());
  ok(/^é, 日本, [^,]+/.test(Deno.readTextFileSync(file)), Deno.readTextFileSync(file));
  const picture = Deno.readFileSync(join(config.trainDataDir, "0.png"));
  for (const ending of [".png", ".PNG", "x.jpeg"]) {
    const refused = tagImages({ ...config, captionExtension: ending }, listening());
    await rejects(refused, /--caption_extension .*: is a picture's ending, and pictures would be replaced/);
  }
  deepStrictEqual(Deno.readFileSync(join(config.trainDataDir, "0.png")), picture);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("tagImages() tells of pictures whose tags are one file, and of one that is no text", async () => {
  const { dir, config } = files(),
    heard = listening(),
    at = (name: string) => join(config.trainDataDir, name);
  Deno.copyFileSync(at("0.png"), at("0.webp"));
  await tagImages(config, heard);
  match(
    heard.lines.join("\n"),
    /0\.png and .*0\.webp share .*0\.tags, which the last one decides; rename all/,
  );
  Deno.writeFileSync(at("1.tags"), Uint8Array.of(97, 0xff, 98));
  await rejects(
    tagImages({ ...config, appendTags: true }, listening()),
    /1\.tags: is not UTF-8 text; save it as UTF-8, or leave --append_tags out$/,
  );
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("--frequency_tags prints how often each tag was written, the most frequent first", async () => {
  const { dir, config: { trainDataDir } } = files();
  const flags = ["--model_dir", join(dir, "m"), "--repo_id", "x/y", "--thresh", "0.5", "--frequency_tags"];
  const { code, stdout, stderr } = await easel([
    ...["tag_images_by_wd14_tagger", trainDataDir, ...flags, "--device", "cpu", "--threads", "1"],
  ]);
  strictEqual(code, 0, stderr);
  const written = new Map<string, number>();
  for (const { name } of Deno.readDirSync(trainDataDir)) {
    if (!name.endsWith(".txt")) continue;
    for (const tag of Deno.readTextFileSync(join(trainDataDir, name)).trim().split(", ")) {
      written.set(tag, (written.get(tag) ?? 0) + 1);
    }
  }
  const [title, ...lines] = stdout.trim().split("\n"), told = lines.map((line) => line.split(/: (?=\d+$)/));
  strictEqual(title, "Tag frequencies:");
  deepStrictEqual(new Map(told.map(([tag, count]) => [tag, Number(count)])), written);
  const counts = told.map(([, count]) => Number(count));
  deepStrictEqual(counts, [...counts].sort((a, b) => b - a));
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("a model that is not there, is none or has an operator that is not known is refused in a line", async () => {
  const { dir, config: right } = files();
  Deno.mkdirSync(join(right.modelDir, "a_b"));
  await rejects(
    tagImages({ ...right, repoId: "a/b" }, listening()),
    /a_b\/model\.onnx: is missing; put the files model\.onnx and selected_tags\.csv of a\/b there, or remove/,
  );
  await rejects(
    tagImages({ ...right, repoId: "/a/b" }, listening()),
    /\/a\/b is no owner\/name on the hub; for the folder DIR\/NAME give --model_dir/,
  );
  await rejects(tagImages({ ...right, repoId: "other" }, listening()), /other is no owner\/name on the hub/);
  const cases: [change: (bytes: Uint8Array) => Uint8Array, said: RegExp][] = [
    [(bytes) => bytes.subarray(0, bytes.length - 100), /model\.onnx: is no ONNX model or is damaged/],
    [() => new TextEncoder().encode("<html>not found</html>"), /model\.onnx: is no ONNX model/],
    [() => new Uint8Array(), /model\.onnx: is no ONNX model \(it has no graph\)/],
    [
      (bytes) => replaced(bytes, "Sigmoid", "Sigmoyd"),
      /model\.onnx: operator Sigmoyd .*is not supported yet/,
    ],
  ];
  for (const [change, said] of cases) {
    const { dir, config } = files(change);
    await rejects(tagImages(config, listening()), said);
    ok(
      [...Deno.readDirSync(config.trainDataDir)].every(({ name }) => !name.endsWith(".tags")),
      "no tags are written",
    );
    Deno.removeSync(dir, { recursive: true });
  }
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("a model without a folder of its own comes from the hub, once", async () => {
  const { dir, config: right } = files(), cache = join(dir, "cache");
  const hub = serveHub({
    "model.onnx": Deno.readFileSync(join(DATA, "convnext_batch2.onnx")),
    "selected_tags.csv": Deno.readFileSync(join(DATA, "selected_tags.csv")),
    "README.md": new Uint8Array(3),
  });
  const before = ["HF_ENDPOINT", "HF_HUB_CACHE"].map((name) => [name, Deno.env.get(name)] as const);
  Deno.env.set("HF_ENDPOINT", hub.endpoint);
  Deno.env.set("HF_HUB_CACHE", cache);
  try {
    await tagImages({ ...right, repoId: "owner/name" }, listening());
    const fetched = hub.requests.filter((request) => request.includes("/resolve/"));
    deepStrictEqual(fetched.map((request) => request.replace(/.*\//, "")).sort(), [
      "model.onnx",
      "selected_tags.csv",
    ]);
    await tagImages({ ...right, repoId: "owner/name", forceDownload: true }, listening());
    strictEqual(hub.requests.filter((request) => request.includes("/resolve/")).length, fetched.length);
  } finally {
    for (const [name, value] of before) {
      value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
    }
    await hub.close();
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("tags that come first do so in the order given; --compat 0.9.1 ends in the reverse one", () => {
  const names = { rating: ["a", "b", "c", "d"], general: ["one", "two", "three"], character: [] };
  const choose = (more: Partial<TaggerConfig>) =>
    new TagChooser(names, config({ alwaysFirstTags: "three, two", ...more })).choose(
      Float32Array.of(0, 0, 0, 0, 1, 1, 1),
    ).all;
  deepStrictEqual(choose({}), ["three", "two", "one"]);
  deepStrictEqual(choose({ compat: "0.9.1" }), ["three", "one", "two"], "' two' is no tag there");
});

Deno.test("lists of tags are read as CSV, and what is none is refused", () => {
  const path = Deno.makeTempFileSync();
  const read = (text: string, more: Partial<TaggerConfig> = {}) => {
    Deno.writeTextFileSync(path, text);
    return readTagNames(path, config(more), () => {});
  };
  const head = "tag_id,name,category,count\n";
  deepStrictEqual(read(`${head}1,"a,""b""",0,1\r\n2,^_^,0,1\n3,x_(y),4,1\n`, { removeUnderscore: true }), {
    ...{ rating: [], general: ['a,"b"', "^_^"], character: ["x (y)"] },
  });
  deepStrictEqual(read(`${head}3,x_(y),4,1`, { characterTagExpand: true }).character, ["x, y"]);
  throws(() => read("name,id\n"), /begins with the columns name,id; tag_id,name,category are wanted/);
  throws(() => read(`${head}1,a\n`), /line 2 has 2 columns of 3/);
  throws(() => read(head, { tagReplacement: "a" }), /--tag_replacement a: "a" is no source,target/);
  Deno.removeSync(path);
});

Deno.test("readOnnx() gives graph, weights and free sizes", () => {
  const model = readOnnx(join(DATA, "convnext_batch2.onnx"));
  deepStrictEqual(model.inputs, [{ name: "input", shape: [2, 448, 448, 3] }]);
  deepStrictEqual(model.outputs, ["output"]);
  strictEqual(model.opset, 17);
  ok(model.nodes.some(({ op, attributes }) => op === "Conv" && (attributes.group as number) > 1));
  ok(
    [...model.initializers.values()].every(({ data, shape }) =>
      data.length === shape.reduce((n, d) => n * d, 1)
    ),
  );
});
