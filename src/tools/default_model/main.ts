/**
 * Makes `builtin:tiny` from nothing: draws pictures, writes a checkpoint of random weights, trains its autoencoder, then
 * its U-Net and text encoder, with easel's own commands.
 *   deno task default-model [FOLDER] [THREADS]
 * FOLDER (out/default-model) keeps what each stage made; a stage whose result is there is not repeated.
 */

import { initialWeights } from "../../training/trained/initial_weights.ts";
import { writeSafetensors } from "../../formats/mod.ts";
import { drawWithCats } from "../pictures/cat.ts";
import { drawFolder, ownFolder } from "../pictures/folder.ts";
import { drawPicture } from "../pictures/scenes.ts";
import { tinyShapes } from "./topology.ts";

const PICTURES = 8000, WITH_CATS = 6000, SIDE = 128, SEED = 1;

const [folder = "out/default-model", threads = "0"] = Deno.args;
const easel = decodeURIComponent(new URL("../../../main.ts", import.meta.url).pathname);

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

const random = `${folder}/random.safetensors`, scenes = `${folder}/pictures`, cats = `${folder}/cats`;
const problem = ownFolder(folder) ?? drawOnce(`${scenes}/1_scene`, drawPicture, PICTURES, SEED) ??
  drawOnce(`${cats}/1_cats`, drawWithCats, WITH_CATS, SEED + 1);
if (problem) {
  console.error(problem);
  Deno.exit(1);
}
if (!there(random)) writeRandom(random);

function drawOnce(path: string, draw: Parameters<typeof drawFolder>[1], count: number, seed: number) {
  const last = `${path}/${String(count - 1).padStart(5, "0")}.txt`;
  return there(last) ? null : drawFolder(path, draw, { count, size: SIDE, seed });
}

/**
 * One easel command, as a user would type it, from one checkpoint to the next; nothing when that is there. Ends the
 * program with the command's status when it fails.
 */
async function stage(
  command: string,
  from: string,
  to: string,
  flags: string,
  pictures = scenes,
): Promise<void> {
  if (there(`${folder}/${to}.safetensors`)) return;
  const files = ["--pretrained_model_name_or_path", `${folder}/${from}.safetensors`, "--output_name", to];
  const common = `--seed ${SEED} --mixed_precision bf16 --lr_scheduler cosine --threads ${threads} ${flags}`;
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", easel, command, ...files, "--train_data_dir", pictures, "--output_dir", folder]
      .concat(common.split(/\s+/)),
  }).spawn().status;
  if (code !== 0) Deno.exit(code);
}

const CROPS = "--resolution 64,64 --random_crop --train_batch_size 8 --ema_decay 0.995";
await stage(
  "train_vae",
  "random",
  "colours",
  `${CROPS} --max_train_steps 1600 --learning_rate 1e-3 --lr_warmup_steps 100 --standardize_latents`,
);
// A second, warm restart: edges were still soft after the first.
await stage(
  "train_vae",
  "colours",
  "latents",
  `${CROPS} --max_train_steps 1200 --learning_rate 8e-4 --lr_warmup_steps 50 --standardize_latents`,
);
// Sharper still, from the same latents.
await stage(
  "train_vae",
  "latents",
  "autoencoder",
  `${CROPS} --max_train_steps 1500 --learning_rate 8e-4 --lr_warmup_steps 50 --decoder_only`,
);
// Without the offset a picture's mean colour shines through the most noise that training sees (the schedule ends at an SNR
// of 0.005, which 256 latent pixels make 1.2), so colours would be read off it and not off the prompt.
const SCENES = `--resolution ${SIDE},${SIDE} --cache_latents --vae_batch_size 8 --caption_extension .txt
   --train_text_encoder --caption_dropout_rate 0.1 --min_snr_gamma 5 --noise_offset 0.25 --save_precision fp16`;
const BATCHES = "--train_batch_size 16 --learning_rate 7e-4 --lr_warmup_steps 300 --ema_decay 0.9995";
await stage("fine_tune", "autoencoder", "scenes", `${SCENES} ${BATCHES} --max_train_steps 6000`);
// A warm restart here too: after the first, a circle was a blob and a tree a mountain now and then.
await stage(
  "fine_tune",
  "scenes",
  "shapes",
  `${SCENES} ${BATCHES} --max_train_steps 9000 --save_every_n_steps 1500`,
);
// Cats come last and among what is known: on few other pictures roofs lost their colours and shapes their places.
await stage(
  "fine_tune",
  "shapes",
  "tiny",
  `${SCENES} --train_batch_size 8 --learning_rate 4e-4 --lr_warmup_steps 100 --ema_decay 0.999 --max_train_steps 5000`,
  cats,
);
console.log(`${folder}/tiny.safetensors is made; copy it to assets/tiny.safetensors to make it builtin:tiny`);
