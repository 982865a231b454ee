/** From a folder of pictures to a LoRA to a picture, inside another root. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { writePictures, writeTinyModel } from "../training/tiny_run.ts";
import { finish, isRoot, names, PLAIN_USER, type Result, ROOT } from "./built.ts";

/** The home folder inside the root. */
export const HOME = "/home/mü sli";

/** Puts the executable, a model and pictures of several formats into HOME below `root`, an empty /proc and an open /tmp. */
export function furnish(root: string, executable: string): void {
  const home = join(root, HOME);
  Deno.mkdirSync(join(home, "data/1_thing"), { recursive: true });
  for (const name of ["proc", "tmp"]) Deno.mkdirSync(join(root, name), { recursive: true });
  Deno.chmodSync(join(root, "tmp"), 0o1777);
  Deno.copyFileSync(executable, join(home, "easel ✓"));
  writeTinyModel(join(home, "model.safetensors"));
  writePictures(join(home, "data"), 2);
  // JPEG, CMYK and WebP each need a codec that lies beside the bundle.
  for (const name of ["a420.jpg", "cmyk.jpg", "a.webp"]) {
    const picture = join(home, "data/1_thing", name);
    Deno.copyFileSync(join(ROOT, "tests/data/pictures", name), picture);
    Deno.writeTextFileSync(picture.replace(/\.\w+$/, ".txt"), "thing, an older one");
  }
  for (const path of [home, ...below(home)]) if (isRoot) Deno.chownSync(path, PLAIN_USER, PLAIN_USER);
}

/** Deno asks /proc for its own path; the mount ends with the process. */
const ENTER = 'mount -t proc proc "$1/proc" && exec /usr/sbin/chroot --userspec="$0" "$@"';

/** The executable in `root` as PLAIN_USER, without a network, in an environment of HOME alone. */
export function inRoot(
  root: string,
  args: readonly string[],
  env: Record<string, string> = { HOME },
): Promise<Result> {
  const enter = [
    "/usr/bin/unshare",
    "--net",
    "--mount",
    "/bin/sh",
    "-c",
    ENTER,
    `${PLAIN_USER}:${PLAIN_USER}`,
  ];
  return finish([...enter, root, `${HOME}/easel ✓`, ...args], env);
}

/** Trains two steps, looks into the file, draws with it; everything is checked. */
export async function journey(root: string): Promise<void> {
  const at = (name: string) => `${HOME}/${name}`;
  const trained = await inRoot(root, [
    ...["train_network", "--threads", "1", "--pretrained_model_name_or_path", at("model.safetensors")],
    ...[
      "--train_data_dir",
      at("data"),
      "--caption_extension",
      ".txt",
      "--resolution",
      "64",
      "--cache_latents",
    ],
    ...["--output_dir", at("out"), "--output_name", "thing", "--network_module", "networks.lora"],
    ...["--network_dim", "2", "--max_train_steps", "2", "--seed", "1"],
  ]);
  assert.equal(trained.code, 0, trained.stderr);
  assert.deepEqual(names(join(root, at("out"))), ["thing.safetensors"]);

  const lora = at("out/thing.safetensors");
  const inspected = await inRoot(root, ["inspect", "--no_keys", lora]);
  assert.match(inspected.stdout, /a LoRA .*rank 2/, inspected.stderr);

  const drawn = await inRoot(root, [
    ...[
      "gen_img",
      "--threads",
      "1",
      "--ckpt",
      at("model.safetensors"),
      "--outdir",
      at("pictures"),
      "--W",
      "64",
      "--H",
      "64",
    ],
    ...[
      "--prompt",
      "a thing",
      "--steps",
      "2",
      "--network_module",
      "networks.lora",
      "--network_weights",
      lora,
    ],
  ]);
  assert.equal(drawn.code, 0, drawn.stderr);
  const [picture] = names(join(root, at("pictures"))).filter((name) => name.endsWith(".png"));
  const bytes = await Deno.readFile(join(root, at("pictures"), picture));
  assert.deepEqual([...bytes.subarray(1, 4)], [..."PNG"].map((letter) => letter.charCodeAt(0)));

  // other threads run worker.js beside the bundle, and JPEG takes an encoder that lies there too
  const resize = ["resize_images_to_resolution", at("data/1_thing"), at("small")];
  const small = await inRoot(root, [...resize, "--max_resolution", "16x16", "--threads", "2"]);
  assert.equal(small.code, 0, small.stderr);
  assert.equal(names(join(root, at("small"))).filter((name) => name.endsWith("+16x16.jpg")).length, 5);
}

/** `easel demo` with the built-in model: pictures before, a LoRA, pictures after; its events and files are checked. */
export async function demo(root: string): Promise<void> {
  const at = `${HOME}/demo`;
  const { code, stdout, stderr } = await inRoot(root, ["demo", "--json", "--output_dir", at]);
  assert.equal(code, 0, stderr);
  const events = stdout.trim().split("\n").map((line) => JSON.parse(line));
  const last = events.filter(({ event, task }) => event === "step" && task === "training").at(-1);
  assert.ok(last.step === last.total && last.total > 10, JSON.stringify(last));
  assert.equal(events.at(-1).event, "done");
  assert.deepEqual(names(join(root, at)), [
    "after.png",
    "before.png",
    "grid.png",
    "moka.safetensors",
    "pictures",
  ]);
  const [before, after] = ["before.png", "after.png"].map((name) => Deno.readFileSync(join(root, at, name)));
  assert.notDeepEqual(before, after);
}

function below(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    return isDirectory ? [path, ...below(path)] : [path];
  });
}
