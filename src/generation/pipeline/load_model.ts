/** A checkpoint made ready to draw: checked against the flags, on a device, networks on it. */

import { modelPath } from "../../base/assets.ts";
import type { JobContext } from "../../base/job.ts";
import type { Graph } from "../../graph/mod.ts";
import {
  checkFlags,
  loadMissing,
  type ModelFile,
  openModel,
  partsOf,
  VAE,
  weightOf,
} from "../../models/mod.ts";
import { type Device, openChosenDevice, ParameterStore } from "../../runtime/mod.ts";
import type { Pixels } from "../../images/pixels.ts";
import { readEmbeddings } from "../prompts/embeddings.ts";
import type { GenImgConfig } from "../groups.ts";
import type { LoraPath } from "../prompts/lora_files.ts";
import type { DrawingModel } from "./model.ts";
import { Controls } from "../techniques/control/controls.ts";
import { openControls } from "../techniques/control/opened.ts";
import { GuideModels, openGuides } from "../techniques/guidance/guide_models.ts";
import { Pulls } from "../techniques/guidance/pulls.ts";
import { clipForVision, PictureEmbedder } from "../techniques/guidance/seen_pictures.ts";
import { attachNetworks, type LiveNetworks, openNetworks, type Regions } from "./networks.ts";
import { ownSize, type PictureSize, referenceSize } from "./own_size.ts";

export interface Loaded {
  readonly model: DrawingModel;
  readonly networks: LiveNetworks;
  readonly controls: Controls | null;
  /** --clip_vision_strength: what CLIP sees in pictures. */
  readonly seen: PictureEmbedder | null;
  /** Guidance by CLIP and VGG16. */
  readonly pulls: Pulls | null;
  readonly device: Device;
  close(): void;
}

/** Opens the checkpoint that the flags name and checks that it is what they say; reads no weights. */
export function openCheckpoint(config: GenImgConfig): ModelFile {
  const file = openModel(modelPath(config.ckpt), { ...partsOf(config), inpainting: true });
  try {
    const { v1, v2, sdxl } = config;
    checkFlags(file.family, { v1, v2, sdxl }, config.ckpt);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** The size of pictures for which none is asked. */
export function standardSize(config: GenImgConfig, { family, metadata }: ModelFile): PictureSize {
  return config.compat === null
    ? ownSize({ family, metadata, velocity: config.vParameterization })
    : referenceSize(family);
}

/**
 * Brings networks to a device and opens it; the model's weights are read when a program first needs them. Closes the file
 * at the end, or when this fails.
 */
export async function loadDrawingModel(
  config: GenImgConfig,
  file: ModelFile,
  loras: readonly LoraPath[],
  mask: Pixels | null,
  context: JobContext,
): Promise<Loaded> {
  try {
    const embeddings = await readEmbeddings(config, file);
    const opened = openNetworks(
      config,
      loras,
      file,
      context.warn,
      config.networkShowMeta ? context.log : undefined,
    );
    const controlled = openControls(config, { ...file, read: (key) => weightOf(file, key) });
    const clip = await clipForVision(config, file, context), guides = await openGuides(config, context);
    const dtype = config.fp16 ? "f16" : config.bf16 ? "bf16" : "f32";
    const vaeDtype = config.noHalfVae ? "f32" : dtype;
    const { threads, vramBudget, noVendorLibs } = config;
    const limitBytes = vramBudget ?? undefined;
    const device = openChosenDevice(config.device, { threads, limitBytes, noVendorLibs }, context.log);
    const store = new ParameterStore(device);
    const load = (graph: Graph) => loadMissing(graph, store, file);
    if (embeddings.words.some((words) => words.size > 0)) {
      embeddings.upload(store, dtype, (key) => weightOf(file, key));
    }
    const networks = await attachNetworks(
      opened,
      store,
      load,
      file.shapes,
      dtype,
      mask && { regions: regionsFrom(config, mask), family: file.family },
    );
    const controls = controlled && await Controls.load(controlled, store, dtype);
    const seen = clip && new PictureEmbedder(clip, device, dtype, config.clipVisionStrength!);
    const pulls = guides && new Pulls(config, await GuideModels.load(config, guides, store, dtype));
    const model: DrawingModel = {
      family: file.family,
      shapes: embeddings.shapes,
      store,
      words: embeddings.words,
      blockWords: embeddings.blockWords,
      source: config.ckpt,
      dtype,
      vaeDtype,
      storage: (key) => key.startsWith(`${VAE}.`) ? vaeDtype : dtype,
      adapter: networks.adapter,
      load,
      vaeAttention: config.compat === null,
    };
    const close = () => {
      seen?.close();
      store.destroy();
      device.close();
      file.close();
    };
    return { model, networks, controls, seen, pulls, device, close };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Where networks act, by a mask. */
export function regionsFrom(
  config: Pick<GenImgConfig, "networkRegionalMaskMaxColorCodes" | "compat">,
  mask: Pixels,
): Regions {
  return { mask, colours: config.networkRegionalMaskMaxColorCodes, compat: config.compat !== null };
}
