/** `easel make_captions` and `make_captions_by_git`: write what a model says of pictures beside them. */

import type { JobContext } from "../../base/job.ts";
import { BlipCaptioner } from "./blip_captioner.ts";
import { captionPictures } from "./caption_pictures.ts";
import { GitCaptioner } from "./git_captioner.ts";
import type { BlipConfig, GitConfig } from "./options.ts";
import { removeWords } from "./remove_words.ts";

export async function captionByBlip(config: BlipConfig, context: JobContext): Promise<void> {
  const { captionWeights, captionExtention, captionExtension, seed, maxDataLoaderNWorkers } = config;
  await captionPictures(config, {
    extension: captionExtention ?? captionExtension,
    open: async (device) => {
      const captioner = await BlipCaptioner.open(captionWeights, device, config, seed);
      if (maxDataLoaderNWorkers !== null) captioner.generator.random64(1); // a DataLoader's own seed
      return captioner;
    },
  }, context);
}

export async function captionByGit(config: GitConfig, context: JobContext): Promise<void> {
  await captionPictures(config, {
    extension: config.captionExtension,
    open: (device) => GitCaptioner.open(config.modelId, device, config.maxLength),
    finish: config.removeWords ? removeWords : undefined,
  }, context);
}
