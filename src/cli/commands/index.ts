/** All subcommands by name. */

import { type CommandEntry, commandOf } from "../command.ts";

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "demo",
    summary: "From a folder of images to a LoRA to a picture: draws, trains, draws again",
    load: async () => commandOf((await import("../../demo/demo_job.ts")).demoJob),
  },
  {
    name: "studio",
    summary: "Serves a page to prepare, start, watch and judge all of this",
    load: async () => (await import("./studio.ts")).studio(COMMANDS),
  },
  {
    name: "train_network",
    summary: "Trains a LoRA on a folder of images (SD1, SD2 and SDXL)",
    load: async () => commandOf((await import("../../training/jobs/train_network_job.ts")).trainNetworkJob),
  },
  {
    name: "sdxl_train_network",
    summary: "train_network that insists on an SDXL checkpoint",
    load: async () =>
      commandOf((await import("../../training/jobs/train_network_job.ts")).sdxlTrainNetworkJob),
  },
  {
    name: "fine_tune",
    summary: "Trains all weights of the U-Net, and of the text encoder where wanted",
    load: async () => commandOf((await import("../../training/jobs/fine_tune_job.ts")).fineTuneJob),
  },
  {
    name: "train_db",
    summary: "fine_tune as DreamBooth has it: the text encoder too, unless told otherwise",
    load: async () => commandOf((await import("../../training/jobs/fine_tune_job.ts")).trainDbJob),
  },
  {
    name: "sdxl_train",
    summary: "fine_tune that insists on an SDXL checkpoint, with a rate for each block and text encoder",
    load: async () => commandOf((await import("../../training/jobs/fine_tune_job.ts")).sdxlTrainJob),
  },
  {
    name: "train_textual_inversion",
    summary: "Trains vectors for a new word and leaves the model as it is",
    load: async () =>
      commandOf((await import("../../training/jobs/textual_inversion/job.ts")).textualInversionJob),
  },
  {
    name: "train_textual_inversion_XTI",
    summary: "train_textual_inversion with vectors for each block of the U-Net",
    load: async () => commandOf((await import("../../training/jobs/textual_inversion/job.ts")).xtiJob),
  },
  {
    name: "sdxl_train_textual_inversion",
    summary: "train_textual_inversion that insists on an SDXL checkpoint",
    load: async () =>
      commandOf((await import("../../training/jobs/textual_inversion/job.ts")).sdxlTextualInversionJob),
  },
  {
    name: "train_controlnet",
    summary: "Trains a ControlNet, which steers the U-Net by a picture (SD1, SD2)",
    load: async () => commandOf((await import("../../training/jobs/controlnet/job.ts")).trainControlNetJob),
  },
  {
    name: "sdxl_train_control_net",
    summary: "train_controlnet that insists on an SDXL checkpoint",
    load: async () =>
      commandOf((await import("../../training/jobs/controlnet/job.ts")).sdxlTrainControlNetJob),
  },
  {
    name: "sdxl_train_control_net_lllite",
    summary: "Trains an LLLite: SDXL pictures that follow conditioning pictures",
    load: async () => commandOf((await import("../../training/jobs/lllite/job.ts")).llliteJob),
  },
  {
    name: "train_vae",
    summary: "Trains the autoencoder of a checkpoint",
    load: async () => commandOf((await import("../../training/jobs/train_vae_job.ts")).trainVaeJob),
  },
  {
    name: "gen_img",
    summary: "Draws pictures from prompts",
    load: async () => commandOf((await import("../../generation/gen_img_job.ts")).genImgJob),
  },
  {
    name: "sdxl_minimal_inference",
    summary: "Draws a picture of an SDXL model, or one for each prompt that is typed",
    load: async () => (await import("./minimal_inference.ts")).sdxlMinimalInference,
  },
  {
    name: "resize_lora",
    summary: "Gives a LoRA a lower rank",
    load: async () => commandOf((await import("../../tools/network/jobs/resize_lora.ts")).resizeLoraJob),
  },
  {
    name: "merge_lora",
    summary: "Merges LoRAs with each other or into a model",
    load: async () => commandOf((await import("../../tools/network/jobs/merge_lora.ts")).mergeLoraJob),
  },
  {
    name: "sdxl_merge_lora",
    summary: "merge_lora under its name for SDXL",
    load: async () => commandOf((await import("../../tools/network/jobs/merge_lora.ts")).sdxlMergeLoraJob),
  },
  {
    name: "svd_merge_lora",
    summary: "Merges LoRAs of any ranks into one of a given rank",
    load: async () => commandOf((await import("../../tools/network/jobs/svd_merge_lora.ts")).svdMergeLoraJob),
  },
  {
    name: "extract_lora_from_models",
    summary: "Makes a LoRA of the difference between two models",
    load: async () =>
      commandOf(
        (await import("../../tools/network/jobs/extract_lora_from_models.ts")).extractLoraFromModelsJob,
      ),
  },
  {
    name: "extract_lora_from_dylora",
    summary: "Cuts a DyLoRA into LoRAs of its ranks",
    load: async () =>
      commandOf(
        (await import("../../tools/network/jobs/extract_lora_from_dylora.ts")).extractLoraFromDyloraJob,
      ),
  },
  {
    name: "convert_lora",
    summary: "Writes a network under other programs' keys, or as a plain LoRA",
    load: async () => (await import("./networks/convert_lora.ts")).convertLoraCommand,
  },
  {
    name: "lora",
    summary: "Compares what two networks change: easel lora diff A B",
    load: async () => (await import("./networks/lora.ts")).loraCommand,
  },
  {
    name: "tag_images_by_wd14_tagger",
    summary: "Writes the tags that a WD14 model sees in pictures beside them",
    load: async () => (await import("./tagging/tag_images.ts")).tagImagesByWd14Tagger,
  },
  {
    name: "make_captions",
    summary: "Writes captions by a BLIP model beside pictures",
    load: async () => (await import("./captions/make_captions.ts")).makeCaptions,
  },
  {
    name: "make_captions_by_git",
    summary: "Writes captions by a GIT model beside pictures",
    load: async () => (await import("./captions/make_captions.ts")).makeCaptionsByGit,
  },
  {
    name: "lora_interrogator",
    summary: "Shows which words a LoRA's text encoder reads differently",
    load: async () => (await import("./lora_interrogator.ts")).loraInterrogator,
  },
  {
    name: "check_lora_weights",
    summary: "Shows how large the weights of a network file are",
    load: async () => (await import("./check_lora_weights.ts")).checkLoraWeights,
  },
  {
    name: "convert",
    summary: "Writes a model in another form: one file or a Diffusers folder",
    load: async () => (await import("./models/convert.ts")).convert,
  },
  {
    name: "convert_diffusers20_original_sd",
    summary: "convert with the flags of sd-scripts",
    load: async () => (await import("./models/convert.ts")).convertDiffusers,
  },
  {
    name: "merge_models",
    summary: "Adds up the weights of whole models",
    load: async () => commandOf((await import("../../tools/models/merge_models_job.ts")).mergeModelsJob),
  },
  {
    name: "show_metadata",
    summary: "Prints the metadata of a model or LoRA",
    load: async () => (await import("./models/show_metadata.ts")).showMetadata,
  },
  {
    name: "merge_captions_to_metadata",
    summary: "Writes the captions beside pictures into a metadata file",
    load: async () => (await import("./dataset/merge_to_metadata.ts")).mergeCaptionsToMetadata,
  },
  {
    name: "merge_dd_tags_to_metadata",
    summary: "Writes the tags beside pictures into a metadata file",
    load: async () => (await import("./dataset/merge_to_metadata.ts")).mergeDdTagsToMetadata,
  },
  {
    name: "clean_captions_and_tags",
    summary: "Makes the captions and tags of a metadata file plainer",
    load: async () => (await import("./dataset/clean_captions_and_tags.ts")).cleanCaptionsAndTags,
  },
  {
    name: "resize_images_to_resolution",
    summary: "Writes the pictures of a folder in several sizes",
    load: async () => (await import("./dataset/resize_images.ts")).resizeImagesToResolution,
  },
  {
    name: "canny",
    summary: "Writes the edges of a picture as a picture",
    load: async () => commandOf((await import("../../tools/dataset/pictures/canny_job.ts")).cannyJob),
  },
  {
    name: "prepare_buckets_latents",
    summary: "Writes buckets and latents of pictures for fine_tune's metadata",
    load: async () => (await import("./dataset/prepare_buckets.ts")).prepareBucketsLatents,
  },
  {
    name: "cache_latents",
    summary: "Writes the latents of a training's pictures beside them",
    load: async () => commandOf((await import("../../tools/dataset/caches/cache_jobs.ts")).cacheLatentsJob),
  },
  {
    name: "cache_text_encoder_outputs",
    summary: "Writes the encoded captions of an SDXL training beside its pictures",
    load: async () => commandOf((await import("../../tools/dataset/caches/cache_jobs.ts")).cacheTextJob),
  },
  {
    name: "detect_face_rotate",
    summary: "Turns, cuts out and resizes the faces of pictures",
    load: async () => commandOf((await import("../../tools/dataset/pictures/faces_job.ts")).facesJob),
  },
  {
    name: "latent_upscaler",
    summary: "Writes pictures at twice their size, made sharp as latents",
    load: async () =>
      commandOf((await import("../../tools/dataset/pictures/latent_upscaler_job.ts")).latentUpscalerJob),
  },
  {
    name: "plan",
    summary: "Prints the memory and time that a training would take, and stops",
    does: "plan",
    load: async () => (await import("./plan.ts")).plan,
  },
  {
    name: "inspect",
    summary: "Shows what a model or LoRA file holds",
    load: async () => (await import("./inspect.ts")).inspect,
  },
  {
    name: "doctor",
    summary: "Shows what this machine can do",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  {
    name: "completions",
    summary: "Prints completions for bash, zsh or fish",
    load: async () => (await import("./completions.ts")).completions(COMMANDS),
  },
  {
    name: "man",
    summary: "Prints the manual page",
    load: async () => (await import("./man.ts")).man(COMMANDS),
  },
];
