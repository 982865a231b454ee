/** Texts that people write: configuration, metadata, prompts. */

import { join } from "node:path";
import { UserError } from "../../../src/base/errors.ts";
import { trainNetworkGroups } from "../../../src/training/options.ts";
import { withConfigFile } from "../../../src/options/given/config_file.ts";
import { parseArgs } from "../../../src/options/given/parse.ts";
import { type CaptionOptions, processCaption } from "../../../src/data/batches/captions.ts";
import { plansOf } from "../../data/fixture.ts";
import { loadMetadata } from "../../../src/data/dataset/metadata.ts";
import type { FineTuningSubset } from "../../../src/data/dataset/params.ts";
import { GEN_IMG_DEFAULTS } from "../../generation/defaults.ts";
import { chosenName } from "../../../src/generation/pictures/file_names.ts";
import { promptLines } from "../../../src/generation/prompts/prompt_line.ts";
import { pictureRequests } from "../../../src/generation/prompts/requests.ts";
import { parseSampleLine, readSamplePrompts } from "../../../src/generation/prompts/sample_prompt.ts";
import { PythonRandom } from "../../../src/random/mod.ts";
import { loadTokenizer, weightedTokens } from "../../../src/text/mod.ts";
import {
  generatorStates,
  readStateFile,
  saveState,
  seededGenerators,
} from "../../../src/training/state/mod.ts";
import { STATE, stateStore, TRAINED } from "../../training/state/saved_state.ts";
import { bytesOf, textOf, type Topic, tryAll } from "../topic.ts";

const CONFIG = `# a comment
[model]
pretrained_model_name_or_path = "a b.safetensors"
v2 = false
[training]
learning_rate = 1e-4
max_train_steps = 1_000
lr_warmup_steps = 0.1
optimizer_args = ["weight_decay=0.1", "betas=.9,.99"]
network_args = ["conv_dim=4"]
output_name = 'x\\y'
`;

const DATASET = `[general]
caption_extension = ".txt"
keep_tokens = 1
[[datasets]]
resolution = [512, 768]
batch_size = 2
[[datasets.subsets]]
image_dir = "images"
num_repeats = 10
caption_prefix = "a, "
face_crop_aug_range = [1.0, 2.0]
`;

const JSONS = [
  { "a/b.png": { caption: "a cat", tags: "x, y", train_resolution: [512, 512] }, c: { tags: "d" } },
  { datasets: [{ resolution: 512, subsets: [{ image_dir: "a", num_repeats: 2 }] }] },
  [{ prompt: "a cat", width: 64, seed: 1, scale: 7.5 }, "a dog --w 64 --d 1"],
];

const SAMPLES = `[prompt]
width = 64
[[prompt.subset]]
prompt = "a cat"
seed = 3
`;

/** The state.json of a whole state. */
function savedState(): string {
  const folder = Deno.makeTempDirSync(), path = join(folder, "a-state");
  saveState(path, STATE, generatorStates(seededGenerators(1)), stateStore(1), TRAINED, () => {});
  const content = Deno.readTextFileSync(join(path, "state.json"));
  Deno.removeSync(folder, { recursive: true });
  return content;
}

/** Every reader that names end in .toml or .json, whatever the text was meant for. */
export const text: Topic = {
  seeds: () =>
    [CONFIG, DATASET, SAMPLES, savedState(), ...JSONS.map((value) => JSON.stringify(value, null, 1))].map(
      bytesOf,
    ),
  run(bytes, folder) {
    const [toml, json] = ["a.toml", "state.json"].map((name) => join(folder, name));
    for (const path of [toml, json]) Deno.writeFileSync(path, bytes);
    const subset = { metadata_file: json, image_dir: folder, caption_separator: ",", num_repeats: 1 };
    const typed = parseArgs(["--config_file", toml], trainNetworkGroups);
    return tryAll([
      () => withConfigFile(typed, trainNetworkGroups),
      () => plansOf({ dataset_config: toml }),
      () => plansOf({ dataset_config: json }),
      () => loadMetadata(subset as unknown as FineTuningSubset),
      () => readSamplePrompts(toml),
      () => readSamplePrompts(json),
      () => readStateFile(folder),
    ]);
  },
};

const LINES = [
  "a (red:1.3) [cat], {sitting|lying} on a ((mat)) --n blurry, (bad:1.5) --w 512 --h 384 --d 1,2 --l 7.5 --s 20 --f cat",
  "{e$$2$$ and $$a|b|c} <lora:name:0.8> BREAK {1-2$$x|y} \\(not\\) --am 0.5,1 --t 0.4 --ow 1024 --ct 8",
  "tag one, tag two ||| kept, {{braces}}, {a|b|c}, ’ naïve 猫 <|endoftext|> don't",
];

const CAPTION: CaptionOptions = {
  ...{
    caption_prefix: "p",
    caption_suffix: null,
    caption_dropout_rate: 0.1,
    caption_dropout_every_n_epochs: 0,
  },
  ...{ enable_wildcard: true, shuffle_caption: true, token_warmup_step: 0.5, token_warmup_min: 1 },
  ...{ caption_tag_dropout_rate: 0.1, keep_tokens: 1, keep_tokens_separator: "|||" },
  ...{ caption_separator: ",", secondary_separator: ";;" },
};

export const prompts: Topic = {
  seeds: () => LINES.map(bytesOf),
  async run(bytes) {
    const given = textOf(bytes), random = new PythonRandom(1);
    processCaption(CAPTION, given, { epoch: 1, step: 1, maxTrainSteps: 9 }, random);
    const tokenizer = await loadTokenizer("clip_l");
    weightedTokens(tokenizer, given, 225, { knowsBreak: true });
    for (const line of promptLines(given)) {
      try {
        parseSampleLine(line);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
      }
      const config = { ...GEN_IMG_DEFAULTS, ckpt: "", seed: 1, imagesPerPrompt: 2 };
      for (const { fileName } of pictureRequests(config, [line], { width: 64, height: 64 })) {
        if (fileName !== null) chosenName(fileName);
      }
    }
  },
};
