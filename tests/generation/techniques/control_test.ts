import assert from "node:assert/strict";
import { quietContext } from "../../../src/base/job.ts";
import { writeSafetensors } from "../../../src/formats/safetensors.ts";
import type { GenImgConfig } from "../../../src/generation/groups.ts";
import { genImg } from "../../../src/generation/gen_img.ts";
import { Controls } from "../../../src/generation/techniques/control/controls.ts";
import { checkControls } from "../../../src/generation/techniques/control/flags.ts";
import { preprocessNamed } from "../../../src/generation/techniques/control/preprocess.ts";
import { encodePng } from "../../../src/images/png_file.ts";
import { controlPlaces, controlShapes, llliteTensors, rename } from "../../../src/models/mod.ts";
import { synthTensor } from "../../golden/synth.ts";
import { caseModel } from "../../golden/synth_models.ts";
import { GEN_IMG_DEFAULTS } from "../defaults.ts";

type Shapes = Iterable<[string, readonly number[]]>;

function write(path: string, shapes: Shapes, named = (name: string) => name): string {
  const tensors = [...shapes].map(([name, shape]) => ({
    name: named(name),
    dtype: "F32",
    shape: [...shape],
    data: () => new Uint8Array(synthTensor(name, shape).buffer),
  }));
  writeSafetensors(path, tensors);
  return path;
}

function paint(path: string, width: number, height: number, at: (x: number, y: number) => number): string {
  const data = Uint8Array.from(
    { length: width * height * 3 },
    (_, i) => at(Math.floor(i / 3) % width, Math.floor(i / 3 / width)),
  );
  Deno.writeFileSync(path, encodePng({ width, height, data }));
  return path;
}

Deno.test("gen_img draws with ControlNets in both layouts and tells what does not fit", async (t) => {
  const dir = Deno.makeTempDirSync(), { shapes } = caseModel({ model: "sd1-tiny" });
  const ckpt = write(`${dir}/tiny.safetensors`, shapes), own = controlShapes(shapes);
  const net = write(`${dir}/net.safetensors`, own, (name) => `control_model.${name}`);
  const places = new Map(controlPlaces({ levels: 4, resBlocks: 2 }));
  const diffusers = write(`${dir}/diffusers.safetensors`, own, (name) => rename(name, places));
  const guide = paint(`${dir}/guide.png`, 80, 64, (x, y) => (x > 30) !== (y > 30) ? 230 : 20);
  let runs = 0;
  const draw = async (options: Partial<GenImgConfig>) => {
    const outdir = `${dir}/${runs++}`, warnings: string[] = [];
    const config = { ...GEN_IMG_DEFAULTS, ckpt, outdir, prompt: "a cat --d 3", W: 64, H: 64, steps: 2 };
    const context = { ...quietContext(), warn: (text: string) => void warnings.push(text) };
    await genImg({ ...config, sampler: "euler", threads: 1, sequentialFileName: true, ...options }, context);
    const [{ name }] = [...Deno.readDirSync(outdir)];
    return { bytes: Deno.readFileSync(`${outdir}/${name}`), warnings };
  };
  const guided = { controlNetModels: [net], guideImagePath: [guide] };
  const plain = await draw({}), first = await draw(guided);
  await t.step("a guide of another size is told", () => {
    assert.notDeepEqual(first.bytes, plain.bytes);
    assert.deepEqual(first.warnings, [`${guide}: is scaled from 80x64 to 64x64, the picture's size`]);
  });
  await t.step("diffusers' layout is the same network", async () => {
    assert.deepEqual((await draw({ ...guided, controlNetModels: [diffusers] })).bytes, first.bytes);
  });
  await t.step("strength 0 is no ControlNet, and of two the second has the second step", async () => {
    assert.deepEqual((await draw({ ...guided, controlNetMultipliers: [0] })).bytes, plain.bytes);
    const two = { ...guided, controlNetModels: [net, diffusers] };
    assert.deepEqual((await draw(two)).bytes, first.bytes);
    const half = await draw({ ...guided, controlNetRatios: [0.4] });
    assert.deepEqual((await draw({ ...two, controlNetMultipliers: [1, 0] })).bytes, half.bytes);
    assert.notDeepEqual(half.bytes, first.bytes);
  });
  await t.step("prepared guides draw other pictures", async () => {
    assert.notDeepEqual((await draw({ ...guided, controlNetPreps: ["canny"] })).bytes, first.bytes);
  });

  const sd2 = controlShapes(caseModel({ model: "sd2-tiny" }).shapes);
  const rest = [...own].filter(([name]) => name !== "input_blocks.1.0.in_layers.2.bias");
  const without = (names: RegExp) => [...own].filter(([name]) => !names.test(name));
  const reshaped = (name: string, shape: number[]): Shapes => new Map(own).set(name, shape);
  const lowRank = (pair: [string, number[]][]): Shapes => [
    ["lora_controlnet", [1]],
    ...without(/^(input_blocks|middle_block|time_embed)\./),
    ...pair.map(([end, shape]): [string, number[]] => [`input_blocks.0.0.${end}`, shape]),
  ];
  const lllite = llliteTensors(caseModel({ model: "sdxl-tiny" }).shapes, { embedding: 8, inner: 16 });
  const bad: [string, Partial<GenImgConfig>, RegExp][] = [
    [
      "a model",
      { controlNetModels: [ckpt] },
      /is an SD1 checkpoint; --control_net_models wants a ControlNet/,
    ],
    ["another family", {
      controlNetModels: [write(`${dir}/sd2.safetensors`, sd2)],
    }, /is a ControlNet for SD2, the model is SD1; give a ControlNet that was made/],
    ["a part of it", {
      controlNetModels: [write(`${dir}/part.safetensors`, rest)],
    }, /input_blocks\.1\.0\.in_layers\.2\.bias is missing; the file is not whole/],
    ["no convolution that reads a picture", {
      controlNetModels: [
        write(`${dir}/blind.safetensors`, without(/^input_hint/), (name) => `control_model.${name}`),
      ],
    }, /input_hint_block\.0\.weight is missing; the file is not whole/],
    ["a picture of four channels", {
      controlNetModels: [
        write(`${dir}/four.safetensors`, reshaped("input_hint_block.0.weight", [16, 4, 3, 3])),
      ],
    }, /input_hint_block\.0\.weight is \[16,4,3,3\] where \[16,3,3,3\] is wanted; give another/],
    ["a low-rank file with half a pair", {
      controlNetModels: [write(`${dir}/half.safetensors`, lowRank([["up", [32, 2, 1, 1]]]))],
    }, /input_blocks\.0\.0\.down is missing; the file is not whole/],
    ["a low-rank file with two ranks", {
      controlNetModels: [
        write(`${dir}/ranks.safetensors`, lowRank([["up", [32, 2, 1, 1]], ["down", [3, 4, 3, 3]]])),
      ],
    }, /input_blocks\.0\.0\.up is \[32,2,1,1\], \S+down \[3,4,3,3\], of different ranks/],
    ["LLLite", {
      controlNetModels: null,
      controlNetLlliteModels: [write(`${dir}/lllite.safetensors`, lllite)],
    }, /lllite_unet_.* where this SD1 model has place for .*; LLLite is for SDXL/],
    ["too many pictures", {
      controlNetModels: [net, net],
      guideImagePath: [guide, guide, guide],
    }, /has 3 pictures for 2 networks/],
    ["a guide that is none", { guideImagePath: [`${dir}/none.png`] }, /--guide_image_path takes a picture/],
  ];
  for (const [name, options, message] of bad) {
    await t.step(`refused: ${name}`, () => assert.rejects(draw({ ...guided, ...options }), message));
  }
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("a ControlNet's tensors do not depend on the order of its model's", () => {
  const { shapes } = caseModel({ model: "sd1-tiny" });
  const sorted = new Map([...shapes].sort(([a], [b]) => a < b ? -1 : 1));
  assert.ok([...sorted.keys()].indexOf("model.diffusion_model.input_blocks.10.0.in_layers.2.weight") > 0);
  assert.deepEqual(new Map(controlShapes(sorted)), new Map(controlShapes(shapes)));
});

Deno.test("gen_img draws with an LLLite, alone and for sides that are no multiples of 32", async () => {
  const dir = Deno.makeTempDirSync(), { shapes } = caseModel({ model: "sdxl-tiny" });
  const ckpt = write(`${dir}/tiny.safetensors`, shapes);
  const lllite = write(`${dir}/lllite.safetensors`, llliteTensors(shapes, { embedding: 8, inner: 16 }));
  const guide = paint(`${dir}/guide.png`, 72, 72, (x) => x > 30 ? 230 : 20);
  const draw = async (name: string, options: Partial<GenImgConfig>) => {
    const outdir = `${dir}/${name}`;
    const config = { ...GEN_IMG_DEFAULTS, ckpt, outdir, prompt: "a cat --d 3", W: 72, H: 72, steps: 1 };
    await genImg({ ...config, threads: 1, sequentialFileName: true, ...options }, quietContext());
    return Deno.readFileSync(`${outdir}/im_000001.png`);
  };
  const guided = { controlNetLlliteModels: [lllite], guideImagePath: [guide] };
  const plain = await draw("plain", {}), drawn = await draw("guided", guided);
  assert.notDeepEqual(drawn, plain);
  assert.deepEqual(await draw("off", { ...guided, controlNetMultipliers: [0] }), plain);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("evaluations beyond a network's ratio are without it", async () => {
  const file = { shapes: new Map(), read: () => new Float32Array(0), close: () => {} };
  const net = (prefix: string, ratio: number, multiplier: number) => ({
    ...{ file, prefix, ratio, multiplier },
    preprocess: preprocessNamed("none"),
  });
  const white = { width: 32, height: 32, channels: 3 as const, data: new Uint8Array(32 * 32 * 3).fill(255) };
  const shape = { batch: 1, channels: 4, height: 4, width: 4 };
  const nets = [net("a", 0.5, 1), net("b", 1, 1), net("c", 1, 0)];
  const controls = await Controls.load({ kind: "lllite", nets }, { upload() {} } as never, "f32");
  const run = await controls.begin({} as never, [[white]], shape, 8);
  const keys = Array.from({ length: 4 }, (_, i) => run.at(i, 4, shape)?.key);
  assert.deepEqual(keys, ["a b", "a b", "a b", "b"]);
});

Deno.test("flags of guides that do not go together", () => {
  const bad: [Partial<GenImgConfig>, RegExp][] = [
    [{ controlNetModels: ["a"] }, /needs the picture to follow; give --guide_image_path/],
    [{ controlNetModels: ["a"], controlNetLlliteModels: ["b"], guideImagePath: ["c"] }, /exclude each other/],
    [
      { controlNetModels: ["a"], guideImagePath: ["c"], controlNetRatios: [1, 1] },
      /--control_net_ratios has 2 values for 1 --control_net_models/,
    ],
    [
      { controlNetModels: ["a"], guideImagePath: ["c"], controlNetMultipliers: [1], controlNetWeights: [1] },
      /older name/,
    ],
    [
      { controlNetModels: ["a"], guideImagePath: ["c"], controlNetPreps: ["depth"] },
      /--control_net_preps depth: there are none, canny, .*; give one/,
    ],
    [
      { controlNetModels: ["a"], guideImagePath: ["c"], controlNetPreps: ["canny_x"] },
      /canny takes numbers of at least 0, as in canny_63_191/,
    ],
    [
      { controlNetModels: ["a"], guideImagePath: ["c"], controlNetPreps: ["blur_100000000"] },
      /blur takes numbers above 0 and up to 200, as in blur_9/,
    ],
  ];
  for (const [flags, message] of bad) {
    assert.throws(() => checkControls({ ...GEN_IMG_DEFAULTS, ...flags }), message);
  }
});

Deno.test("preprocessors: a white disc's edge, or its surroundings, and nothing of a flat picture", () => {
  const side = 48, inside = (x: number, y: number) => Math.hypot(x - 24, y - 24) < 12;
  const picture = (at: (x: number, y: number) => number) => ({
    width: side,
    height: side,
    channels: 3 as const,
    data: Uint8Array.from(
      { length: side * side * 3 },
      (_, i) => at(Math.floor(i / 3) % side, Math.floor(i / 3 / side)),
    ),
  });
  const disc = picture((x, y) => inside(x, y) ? 240 : 60), flat = picture(() => 120);
  const at = ({ data }: { data: Uint8Array }, x: number, y: number) => data[3 * (y * side + x)];
  for (const name of ["canny", "softedge", "scribble", "lineart"]) {
    const edges = preprocessNamed(name)(disc),
      ring = [10, 11, 12, 13, 14, 15].map((r) => at(edges, 24 + r, 24));
    assert.ok(Math.max(...ring) > 100, `${name}: ${ring}`);
    assert.ok(at(edges, 24, 24) < 20 && at(edges, 2, 2) < 20, name);
    assert.ok(preprocessNamed(name)(flat).data.every((x) => x === 0), name);
  }
  assert.deepEqual(preprocessNamed("none")(disc), disc);
  assert.equal(at(preprocessNamed("invert")(disc), 24, 24), 15);
  for (const name of ["blur_3", "tile_6"]) {
    const soft = preprocessNamed(name)(disc);
    assert.ok(at(soft, 36, 24) > 80 && at(soft, 36, 24) < 220, name);
    assert.deepEqual(preprocessNamed(name)(flat).data, flat.data);
  }
});
