/** What people paste: lines for several shells, launchers, TOML, kohya_ss's JSON. */

import assert from "node:assert/strict";
import { UserError } from "../../../src/base/errors.ts";
import { rowsOf } from "../../../src/options/mod.ts";
import { EMPTY } from "../../../src/studio/form/draft.ts";
import { lineOf, wordsOf } from "../../../src/studio/form/line.ts";
import { readPasted } from "../../../src/studio/form/pasted.ts";
import { shellWords } from "../../../src/studio/form/shell.ts";
import { verdictOf } from "../../../src/studio/form/problems.ts";
import { openFolders } from "../../../src/studio/server/folders.ts";
import { CATALOGUE } from "./form_studio.ts";

const paste = (text: string, current = "train_network") => readPasted(text, current, CATALOGUE);

Deno.test("shellWords() reads what a POSIX shell, cmd.exe and PowerShell would", () => {
  const table: readonly [string, string[][]][] = [
    [`a 'b c' "d \\"e" f\\ g`, [["a", "b c", 'd "e', "f g"]]],
    ["a \\\n  --b c \\  \n --d", [["a", "--b", "c", "--d"]]],
    ["a ^\r\n --b C:\\x\\y", [["a", "--b", "C:\\x\\y"]]],
    ["a `\n --b 'C:\\x y'", [["a", "--b", "C:\\x y"]]],
    ['a --b "C:\\x\\y z" --c=D:\\w', [["a", "--b", "C:\\x\\y z", "--c=D:\\w"]]],
    [`a --b=C:\\x\\y \\\n --c "it's"`, [["a", "--b=C:\\x\\y", "--c", "it's"]]],
    ["cd x && a b; c | d\ne", [["cd", "x"], ["a", "b"], ["c"], ["d"], ["e"]]],
    ["a '' # said\nb", [["a", ""], ["b"]]],
    ["a 'open", [["a", "open"]]],
  ];
  for (const [text, commands] of table) assert.deepEqual(shellWords(text).commands, commands, text);
});

Deno.test("a shell reads the line as the words that the job gets", async () => {
  const rows = rowsOf((await CATALOGUE.load("train_network")).groups);
  const values = {
    output_name: 'it\'s "x" $HOME `id` \\ #no',
    training_comment: "two\nlines ~ * ; & 日本",
    network_args: ["conv_dim=4", "a b=c"],
    optimizer_args: ["-x"],
  };
  const draft = { ...EMPTY, values, unknown: { other: `"it's"` } };
  const line = lineOf("train_network", draft, rows);
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", `easel() { printf '%s\\0' "$@"; }\n${line}`],
  }).output();
  const words = new TextDecoder().decode(stdout).split("\0").slice(0, -1);
  assert.deepEqual(words, ["train_network", ...wordsOf(draft, rows)]);
});

Deno.test("a pasted line names its command, and nothing of it is lost", async () => {
  const table: readonly [string, string, Record<string, unknown>, string[]][] = [
    [
      "easel train_network --network-dim=8 --xformers",
      "train_network",
      { network_dim: "8", xformers: true },
      [],
    ],
    [
      'accelerate launch --num_cpu_threads_per_process 2 --mixed_precision bf16 "sd-scripts/sdxl_train_network.py" ^\r\n --output_dir="D:\\out dir" ^\r\n --network_args "conv_dim=4" "conv_alpha=1"',
      "sdxl_train_network",
      {
        threads: "2",
        mixed_precision: "bf16",
        output_dir: "D:\\out dir",
        network_args: ["conv_dim=4", "conv_alpha=1"],
      },
      [],
    ],
    ["$ CUDA_VISIBLE_DEVICES=0 python -u train_db.py --learning_rate 1e-6 > log.txt 2>&1", "train_db", {
      learning_rate: "1e-6",
    }, []],
    [".\\venv\\Scripts\\accelerate.exe launch .\\train_network.py --vae C:\\m\\v.pt", "train_network", {
      vae: "C:\\m\\v.pt",
    }, []],
    [
      "cd /x && source venv/bin/activate && accelerate launch --multi_gpu train_network.py --seed 1",
      "train_network",
      { seed: "1" },
      [],
    ],
    ["--seed 1 --made_up 2 3", "train_network", { seed: "1" }, ["made_up"]],
    ["sdxl_gen_img.py --prompt 'a cat'", "gen_img", { sdxl: true, prompt: "a cat" }, []],
  ];
  for (const [text, command, values, unknown] of table) {
    const read = await paste(text);
    assert.equal(read.command.name, command, text);
    assert.deepEqual(read.draft.values, values, text);
    assert.deepEqual(Object.keys(read.draft.unknown), unknown);
  }
  await assert.rejects(
    () => paste("cd /x && accelerate launch flux_train_network.py; exit"),
    /flux_train_network is not supported yet/,
  );
  await assert.rejects(() => paste("  "), UserError);
  assert.match(
    (await paste("accelerate launch --multi_gpu train_network.py")).notes.join(),
    /launcher was left out.*multi_gpu/,
  );
  assert.match((await paste("train_network.py --vae $HOME/x")).notes.join(), /\$HOME is a variable/);
});

Deno.test("a pasted TOML keeps what it does not know and drops what means nothing", async () => {
  const { kind, command, draft } = await paste(
    `# mine\n[network]\nnetwork_dim = 16\nnetwork_args = ["a=b"]\nlearning_rate = 1e-4\nvae = ""\nlowvram = true\nstrange = [1, 2.0]\nxformers = true\n`,
    "gen_img",
  );
  assert.equal(kind, "toml");
  assert.equal(command.name, "train_network");
  assert.deepEqual(draft.values, {
    network_dim: "16",
    network_args: ["a=b"],
    learning_rate: "0.0001",
    xformers: true,
  });
  assert.deepEqual(draft.unknown, { lowvram: "true", strange: "[1, 2.0]" });
  await assert.rejects(() => paste("a = [1"), /TOML:1:/);
});

Deno.test("kohya_ss's saved form becomes the flags that its form makes of it", async () => {
  const form = {
    ...{
      LoRA_type: "LyCORIS/LoHa",
      LyCORIS_preset: "full",
      sdxl: true,
      network_dim: 8,
      network_alpha: 4,
      conv_dim: 4,
    },
    ...{ conv_alpha: 1, use_tucker: true, optimizer: "Prodigy", optimizer_args: "weight_decay=0.01 d0=1e-4" },
    ...{
      max_resolution: "1024,1024",
      epoch: 12,
      max_train_steps: 0,
      max_train_epochs: "",
      lr_warmup: 10,
      unet_lr: 1,
    },
    ...{
      text_encoder_lr: 0,
      xformers: "sdpa",
      sdxl_no_half_vae: true,
      seed: "",
      clip_skip: 0,
      max_token_length: "75",
    },
    ...{
      pretrained_model_name_or_path: "C:/m/x.safetensors",
      num_cpu_threads_per_process: 2,
      cache_latents: true,
    },
    ...{
      additional_parameters: "--save_n_epoch_ratio 2 --made_up 'x y'",
      gpu_ids: "0,1",
      factor: -1,
      color_aug: false,
    },
  };
  const { command, draft, notes } = await paste(JSON.stringify(form));
  assert.equal(command.name, "sdxl_train_network");
  assert.deepEqual(draft.values, {
    network_dim: "8",
    network_alpha: "4",
    optimizer_type: "Prodigy",
    optimizer_args: ["weight_decay=0.01", "d0=1e-4"],
    resolution: "1024,1024",
    unet_lr: "1",
    no_half_vae: true,
    pretrained_model_name_or_path: "C:/m/x.safetensors",
    threads: "2",
    cache_latents: true,
    network_module: "lycoris.kohya",
    network_args: ["algo=loha", "conv_dim=4", "conv_alpha=1", "use_tucker=True", "preset=full"],
    network_train_unet_only: true,
    max_train_epochs: "12",
    lr_warmup_steps: "10%",
    sdpa: true,
    save_n_epoch_ratio: "2",
  });
  assert.deepEqual(draft.unknown, { gpu_ids: '"0,1"', factor: "-1", made_up: '"x y"' });
  assert.equal(notes.length, 1);
  const { problems } = verdictOf(command, draft, openFolders(["/tmp"]));
  assert(
    !problems.some(({ fields }) => fields.includes("factor")),
    "a field that its own form does not use is no mistake",
  );
  await assert.rejects(() => paste('{"a": 1}'), /no form that kohya_ss saved/);
  await assert.rejects(
    () => paste('{"LoRA_type": "Flux1", "flux1_checkbox": true}'),
    /flux_train_network is not supported yet/,
  );
  await assert.rejects(() => paste("{"), /JSON cannot be read/);
});
