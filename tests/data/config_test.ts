import assert from "node:assert/strict";
import { overriddenFlags } from "../../src/data/dataset/overridden.ts";
import { join } from "node:path";
import { UserError } from "../../src/base/errors.ts";
import { checkDatasetFile, readDatasetFile } from "../../src/data/dataset/config_file.ts";
import { type Supports, TRAIN_NETWORK } from "../../src/data/dataset/config_schema.ts";
import { settle } from "../../src/data/dataset/params.ts";
import { PythonRandom } from "../../src/random/mod.ts";
import { datasetFlags, plansOf, withFolder, writePictures } from "./fixture.ts";

const ALL: Supports = { dreambooth: true, finetuning: true, controlnet: false, dropout: true };

function messageOf(dir: string, text: string, name = "set.toml"): string {
  const path = join(dir, name);
  Deno.writeTextFileSync(path, text);
  try {
    readDatasetFile(path, ALL);
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    assert.ok(!error.message.includes("\n"), error.message);
    return error.message.replace(path, name);
  }
  return "no mistake found";
}

Deno.test("mistakes in a dataset file are one line: file, place, remedy", () =>
  withFolder((dir) => {
    const subset = "[[datasets]]\n[[datasets.subsets]]\nimage_dir = 'a'\n";
    const cases: [string, string][] = [
      [
        subset + "flip_augg = true",
        "datasets[0].subsets[0].flip_augg is not a known key; did you mean flip_aug?",
      ],
      [
        "[general]\nbatchsize = 1\n" + subset,
        "general.batchsize is not a known key; did you mean batch_size?",
      ],
      [
        subset + "resolution = 512",
        "datasets[0].subsets[0].resolution is not a known key here; it belongs in [[datasets]]",
      ],
      [
        "[[datasets]]\nimage_dir = 'a'",
        "datasets[0].image_dir is not a known key here; it belongs in [[datasets.subsets]]",
      ],
      ["[dataset]\n", "dataset is not a known key; did you mean datasets?"],
      [subset + "xyzzyxyzzy = 1", "datasets[0].subsets[0].xyzzyxyzzy is not a known key of dataset files"],
      [
        subset + "num_repeats = 2.0",
        "datasets[0].subsets[0].num_repeats is the float 2.0; an integer is wanted",
      ],
      [subset + "num_repeats = true", "datasets[0].subsets[0].num_repeats is true; an integer is wanted"],
      ["datasets = 3", "datasets is the integer 3; a list of tables is wanted: write [[datasets]]"],
      ["datasets = [3]", "datasets[0] is the integer 3; a table is wanted"],
      ["[datasets]\n", "datasets is a table; a list of tables is wanted: write [[datasets]]"],
      [
        "[[datasets]]\nresolution = [512]\n",
        "datasets[0].resolution is a list of 1; an integer or a list of two integers is wanted",
      ],
    ];
    for (const [text, message] of cases) assert.equal(messageOf(dir, text), `set.toml: ${message}`);
    assert.match(messageOf(dir, "[[datasets]\n"), /^set.toml:1:\d+: /);
    assert.match(messageOf(dir, "{", "set.json"), /^set.json: is not JSON/);
    assert.match(messageOf(dir, "", "set.yaml"), /ends in .toml or .json/);
    assert.match(
      messageOf(dir, '{"general": {"batch_size": 2.0}}', "set.json"),
      /batch_size is the float 2.0/,
    );
  }));

Deno.test("a dataset file with nothing to train on is told with its name", () =>
  withFolder((dir) => {
    const path = join(dir, "set.toml"), subset = "[[datasets]]\n[[datasets.subsets]]\n";
    for (
      const [text, message] of [
        ["", "has no [[datasets]]; begin with that line"],
        ["[general]\n", "has no [[datasets]]; begin with that line"],
        [
          "[[datasets]]\nresolution = 64\n",
          "datasets[0] has no [[datasets.subsets]]; add one with image_dir",
        ],
        [`${subset}image_dir = ""\n`, "datasets[0].subsets[0].image_dir is empty; name a folder"],
      ]
    ) {
      Deno.writeTextFileSync(path, text);
      const refused = { name: "UserError", message: `${path}: ${message}` };
      assert.throws(() => plansOf({ dataset_config: path }), refused);
    }
  }));

Deno.test("a file of random bytes, or a mutated one, is a mistake or a config, never another error", () =>
  withFolder((dir) => {
    const random = new PythonRandom(3);
    const good =
      "[general]\nflip_aug = true\n[[datasets]]\nresolution = [512, 768]\n[[datasets.subsets]]\nimage_dir = 'a'\n";
    for (let round = 0; round < 300; round++) {
      const chars = [...good];
      for (let i = 0; i < 3; i++) {
        chars[random.randint(0, chars.length - 1)] = random.choice("[]{}=.'\"\n\\ \t1atrue,-");
      }
      messageOf(dir, chars.join(""));
    }
    Deno.writeFileSync(join(dir, "x.toml"), Uint8Array.of(0xff, 0xfe, 0x00));
    assert.throws(() => readDatasetFile(join(dir, "x.toml"), ALL), UserError);
    assert.throws(() => readDatasetFile(join(dir, "none.toml"), ALL), /none.toml/);
  }));

Deno.test("JSON says the same as TOML", () =>
  withFolder((dir) => {
    const toml =
      "[[datasets]]\nresolution = 512\nnetwork_multiplier = 2.0\n[[datasets.subsets]]\nimage_dir = 'a'\n";
    const json =
      '{"datasets": [{"resolution": 512, "network_multiplier": 2.0, "subsets": [{"image_dir": "a"}]}]}';
    Deno.writeTextFileSync(join(dir, "a.toml"), "\uFEFF" + toml);
    Deno.writeTextFileSync(join(dir, "a.json"), json);
    const read = (name: string) => settle(readDatasetFile(join(dir, name), ALL), datasetFlags({}));
    assert.deepEqual(read("a.toml"), read("a.json"));
    assert.deepEqual(read("a.toml")[0].params.resolution, [512, 512]);
  }));

Deno.test("flags count below the file", () =>
  withFolder((dir) => {
    const path = join(dir, "a.toml");
    Deno.writeTextFileSync(path, "[[datasets]]\nbatch_size = 4\n[[datasets.subsets]]\nimage_dir = 'a'\n");
    const [plan] = plansOf({
      dataset_config: path,
      train_batch_size: 2,
      resolution: "640,448",
      flip_aug: true,
    });
    assert.deepEqual([plan.params.batch_size, plan.params.resolution], [4, [640, 448]]);
    assert.equal(plan.subsets[0].flip_aug, true);
    for (const resolution of ["0", "12.5", "512,", "a", "1,2,3", ""]) {
      assert.throws(() => plansOf({ dataset_config: path, resolution }), /--resolution/, resolution);
    }
  }));

Deno.test("folders are named REPEATS_NAME; anything else is answered with the remedy", () =>
  withFolder((dir) => {
    writePictures(join(dir, "train", "10_red cat"), [{ name: "a" }]);
    writePictures(join(dir, "train", "3"), [{ name: "b" }]);
    writePictures(join(dir, "train", "notes"), [{ name: "c" }]);
    writePictures(join(dir, "train", "0_none"), [{ name: "d" }]);
    writePictures(join(dir, "reg", "1_cat_house"), [{ name: "e" }]);
    const [plan] = plansOf({ train_data_dir: join(dir, "train"), reg_data_dir: join(dir, "reg") });
    const seen = plan.subsets.map((s) => "class_tokens" in s && [s.num_repeats, s.class_tokens, s.is_reg]);
    assert.deepEqual(seen, [[10, "red cat", false], [3, "", false], [1, "cat_house", true]]);
    assert.throws(
      () => plansOf({ train_data_dir: join(dir, "train", "notes") }),
      /notes: holds 1 image itself; put it into a folder named REPEATS_NAME below it, like .*10_name/,
    );
    assert.throws(() => plansOf({ train_data_dir: join(dir, "nowhere") }), /nowhere: no such folder/);
    assert.throws(() => plansOf({}), /give --train_data_dir/);
  }));

Deno.test("overriddenFlags() names what a dataset file decides everywhere, and only that", () => {
  const path = Deno.makeTempFileSync({ suffix: ".toml" });
  const overridden = (text: string, ...given: string[]) => {
    Deno.writeTextFileSync(path, text);
    return overriddenFlags(path, given, TRAIN_NETWORK);
  };
  const flags = [
    "train_data_dir",
    "resolution",
    "train_batch_size",
    "shuffle_caption",
    "keep_tokens",
    "seed",
  ];
  const file = `
[general]
shuffle_caption = true
[[datasets]]
resolution = 64
batch_size = 2
[[datasets.subsets]]
image_dir = "a"
keep_tokens = 1
[[datasets.subsets]]
image_dir = "b"
`;
  try {
    const names = ["train_data_dir", "resolution", "train_batch_size", "shuffle_caption"];
    assert.deepEqual(overridden(file, ...flags), names);
    assert.deepEqual(overridden(`${file}keep_tokens = 2\n`, ...flags), [...names, "keep_tokens"]);
    assert.deepEqual(overridden("[[datasets]]\n[[datasets.subsets]]\nimage_dir = 'a'\n", ...flags), [
      names[0],
    ]);
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("a file of flags is told from a dataset file", () => {
  assert.throws(
    () => checkDatasetFile({ learning_rate: 1, output_dir: "x" }, TRAIN_NETWORK, "a.toml"),
    /a\.toml: the file holds flags and no \[\[datasets\]\]; give it as --config_file/,
  );
});
