/**
 * Makes `builtin:tiny` from nothing: draws pictures, writes a checkpoint of random weights, trains its autoencoder, then
 * its U-Net and text encoder, with easel's own commands as a user would type them.
 *   deno task default-model [FOLDER] [THREADS]
 * FOLDER (out/default-model) keeps what each stage made; a stage whose result is there is not repeated.
 */

import { initialWeights } from "../../training/initial_weights.ts";
import { writeSafetensors } from "../../formats/mod.ts";
import { drawFolder } from "../pictures/folder.ts";
import { drawPicture } from "../pictures/scenes.ts";
import { tinyShapes } from "./topology.ts";

const PICTURES = 8000, SIDE = 128, SEED = 1;

const [folder = "out/default-model", threads = "0"] = Deno.args;
const easel = decodeURIComponent(new URL("../../../main.ts", import.meta.url).pathname);

/** One easel command; ends the program with its status when it fails. */
async function run(...args: string[]): Promise<void> {
  const command = new Deno.Command(Deno.execPath(), { args: ["run", "-A", easel, ...args] });
  const { code } = await command.spawn().status;
  if (code !== 0) Deno.exit(code);
}

const there = (path: string) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
};

/** A checkpoint of random float32 weights. */
function writeRandom(path: string): void {
  const shapes = tinyShapes(), weights = initialWeights(shapes, SEED);
  const tensors = [...shapes].map(([name, shape]) => ({
    name,
    dtype: "F32",
    shape: [...shape],
    data: () => new Uint8Array(weights.get(name)!.buffer),
  }));
  writeSafetensors(path, tensors, { format: "pt" });
}

Deno.mkdirSync(folder, { recursive: true });
const pictures = `${folder}/pictures`, random = `${folder}/random.safetensors`;
if (!there(`${pictures}/1_scene/${String(PICTURES - 1).padStart(5, "0")}.txt`)) {
  drawFolder(`${pictures}/1_scene`, drawPicture, { count: PICTURES, size: SIDE, seed: SEED });
}
if (!there(random)) writeRandom(random);

const common = [
  ...["--train_data_dir", pictures, "--output_dir", folder, "--seed", String(SEED)],
  ...["--mixed_precision", "bf16", "--lr_scheduler", "cosine", "--threads", threads],
];
// Twice, because a second warm restart sharpens edges more than the same steps at once.
const autoencoder = async (from: string, name: string, ...rest: string[]) => {
  if (there(`${folder}/${name}.safetensors`)) return;
  await run(
    "train_vae",
    ...common,
    ...["--pretrained_model_name_or_path", from, "--output_name", name, "--standardize_latents"],
    ...["--resolution", "64,64", "--random_crop", "--train_batch_size", "8", "--ema_decay", "0.995", ...rest],
  );
};
await autoencoder(
  random,
  "colours",
  "--max_train_steps",
  "1600",
  "--learning_rate",
  "1e-3",
  "--lr_warmup_steps",
  "100",
);
await autoencoder(
  `${folder}/colours.safetensors`,
  "vae",
  ...["--max_train_steps", "1200", "--learning_rate", "8e-4", "--lr_warmup_steps", "50"],
);
if (!there(`${folder}/tiny.safetensors`)) {
  await run(
    "fine_tune",
    ...common,
    ...["--pretrained_model_name_or_path", `${folder}/vae.safetensors`, "--output_name", "tiny"],
    ...["--train_text_encoder", "--caption_extension", ".txt", "--caption_dropout_rate", "0.1"],
    ...["--resolution", `${SIDE},${SIDE}`, "--cache_latents", "--vae_batch_size", "8"],
    ...["--train_batch_size", "16", "--max_train_steps", "9000"],
    ...["--learning_rate", "8e-4", "--lr_warmup_steps", "500", "--ema_decay", "0.9995"],
    ...["--save_precision", "fp16", "--save_every_n_steps", "2000"],
  );
}
console.log(`${folder}/tiny.safetensors is made; copy it to assets/tiny.safetensors to make it builtin:tiny`);
