/** Captions for pictures: the flags of sd-scripts' finetune/make_captions.py and make_captions_by_git.py. */

import { RANGES } from "../../data/dataset/ranges.ts";
import { type ConfigOf, flag, float, group, int, pathTo, SEEDS, str } from "../../options/mod.ts";
import type { CompatConfig } from "../../options/shared.ts";
import type { DeviceConfig } from "../../runtime/options.ts";

/** sd-scripts' own default; the file has to be fetched by hand. */
export const BLIP_ADDRESS =
  "https://storage.googleapis.com/sfr-vision-language-research/BLIP/models/model_large_caption.pth";

const common = {
  caption_extension: str(".caption", "ending of the caption files"),
  batch_size: int(1, "pictures at once", RANGES.batch_size),
  debug: flag("tell each picture's caption"),
  recursive: flag("folders below TRAIN_DATA_DIR too"),
};

const LOADERS = "threads that read pictures, at most one for each core; unset is --threads";

export const blipOptions = group("Captions", {
  caption_weights: pathTo(
    "model",
    str(BLIP_ADDRESS, "BLIP captioning model: a file, or its name on the hub"),
  ),
  caption_extention: str(null, "misspelt alias, wins over caption_extension"),
  ...common,
  max_data_loader_n_workers: int(null, `${LOADERS}. A loader takes from the seed`, {
    min: 0,
  }),
  beam_search: flag("the likeliest captions; without it they are sampled"),
  num_beams: int(1, "captions in work at once, with beam_search", { min: 1, max: 64 }),
  top_p: float(0.9, "share of the likeliest words that is sampled from", { min: 0, max: 1 }),
  max_length: int(75, 'most tokens of a caption, the four of "a picture of" included', { min: 5 }),
  min_length: int(5, "fewest tokens of a caption", { min: 0 }),
  seed: int(42, "of the sampling", SEEDS),
});

export const gitOptions = group("Captions", {
  model_id: pathTo(
    "model",
    str("microsoft/git-large-textcaps", "GIT model: its name on the hub, a folder or a file"),
  ),
  ...common,
  max_data_loader_n_workers: int(null, LOADERS, { min: 0 }),
  max_length: int(50, "most tokens of a caption, the first one included", { min: 2 }),
  remove_words: flag("take texts that the model believes to read out of the captions"),
});

interface Place {
  readonly trainDataDir: string;
}

export type BlipConfig = ConfigOf<typeof blipOptions> & CompatConfig & DeviceConfig & Place;
export type GitConfig = ConfigOf<typeof gitOptions> & CompatConfig & DeviceConfig & Place;
