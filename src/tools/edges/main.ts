/**
 * Makes docs/gallery/edges.safetensors, a ControlNet for `builtin:tiny` that follows edges: draws pictures, finds their
 * edges, and trains with easel's own command, twice.
 *   deno task edges [FOLDER] [THREADS]
 * FOLDER (out/edges) keeps what was drawn and what each stage made; a stage whose result is there is not repeated.
 */

import { isFile } from "../../base/files/exists.ts";
import { canny, grey } from "../../images/canny.ts";
import { loadImage } from "../../images/load.ts";
import { writePicture } from "../../images/write.ts";
import { drawFolder, ownFolder } from "../pictures/folder.ts";
import { drawPicture } from "../pictures/scenes.ts";

const PICTURES = 2000, SIDE = 128, SEED = 7;

/** Low enough for neighbours of like brightness: --control_net_preps canny_15_40 when drawing. */
const LOW = 15, HIGH = 40;

const [folder = "out/edges", threads = "0"] = Deno.args;
const easel = decodeURIComponent(new URL("../../../main.ts", import.meta.url).pathname);
const pictures = `${folder}/pictures`, edges = `${folder}/seen`;

const problem = ownFolder(folder) ??
  drawFolder(pictures, drawPicture, { count: PICTURES, size: SIDE, seed: SEED }) ?? ownFolder(edges);
if (problem) {
  console.error(problem);
  Deno.exit(1);
}
for (let i = 0; i < PICTURES; i++) {
  const name = `${String(i).padStart(5, "0")}.png`;
  const image = await loadImage(`${pictures}/${name}`), { width, height } = image;
  const data = canny(grey(image), width, height, LOW, HIGH);
  await writePicture(`${edges}/${name}`, { width, height, data });
}

/** One training, as a user would type it; nothing where its result is there. Ends the program when it fails. */
async function stage(name: string, flags: string, more: readonly string[] = []): Promise<void> {
  if (isFile(`${folder}/${name}.safetensors`)) return;
  const files = ["--train_data_dir", pictures, "--conditioning_data_dir", edges]
    .concat(["--output_dir", folder, "--output_name", name], more);
  // half of the captions are dropped, so that edges alone say enough
  const common = `--pretrained_model_name_or_path builtin:tiny --resolution ${SIDE} --caption_extension .txt
    --cache_latents --vae_batch_size 8 --caption_dropout_rate 0.5 --train_batch_size 8 --learning_rate 1e-3
    --lr_scheduler cosine --lr_warmup_steps 50 --mixed_precision bf16 --save_precision fp16 --threads ${threads}`;
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", easel, "train_controlnet", ...files, ...`${common} ${flags}`.trim().split(/\s+/)],
  }).spawn().status;
  if (code !== 0) Deno.exit(code);
}

await stage("outlines", "--max_train_steps 2000 --seed 1");
// Where things lie is settled while there is much noise, of which the first training saw little. Its cosine is as long as
// 1500 steps, of which it takes 704.
await stage(
  "edges",
  `--min_timestep 300 --noise_offset 0.25
   --lr_scheduler_args num_cycles=${(704 - 50) / (1500 - 50) / 2} --max_train_steps 704 --seed 2`,
  ["--controlnet_model_name_or_path", `${folder}/outlines.safetensors`],
);
console.log(`${folder}/edges.safetensors is made: gen_img's --control_net_models, for builtin:tiny`);
