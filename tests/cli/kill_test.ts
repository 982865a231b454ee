/** kill -9 and full disks: what was saved before stays whole, and a resumed run ends as if nothing had happened. */

import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { fileSha256, openSafetensors } from "../../src/formats/mod.ts";
import { writePictures, writeTinyModel } from "../training/tiny_run.ts";

const MAIN = join(import.meta.dirname!, "../../main.ts");
const STEPS = 12;

const names = (folder: string) => [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** argv of a run that saves weights and state after every step. */
function training(folder: string, out: string): string[] {
  return [
    ...["train_network", "--pretrained_model_name_or_path", join(folder, "model.safetensors")],
    ...[
      "--train_data_dir",
      join(folder, "data"),
      "--output_dir",
      join(folder, out),
      "--output_name",
      "thing",
    ],
    ...["--resolution", "64", "--threads", "1", "--network_module", "networks.lora", "--network_dim", "2"],
    ...["--caption_extension", ".txt", "--seed", "5", "--cache_latents", "--max_train_steps", String(STEPS)],
    ...["--save_every_n_steps", "1", "--save_state", "--learning_rate", "1e-3"],
  ];
}

function easel(args: string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-prompt", MAIN, ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
}

function fixture(): string {
  const folder = Deno.makeTempDirSync({ prefix: "easel kill " });
  writeTinyModel(join(folder, "model.safetensors"));
  writePictures(join(folder, "data"), 3);
  return folder;
}

const stateSteps = (out: string) =>
  names(out).map((name) => Number(/^thing-step(\d+)-state$/.exec(name)?.[1] ?? 0)).filter((n) => n > 0);

/** Weights by key; the file's metadata holds times and session ids that differ between runs. */
function weights(path: string): Map<string, Uint8Array> {
  using file = openSafetensors(path);
  return new Map(file.keys().map((key) => [key, file.bytes(key)]));
}

Deno.test("kill -9 at any moment leaves whole files, and the resumed run ends bit for bit the same", async () => {
  const folder = fixture();
  try {
    const whole = await easel(training(folder, "whole")).output();
    assert.equal(whole.code, 0, decode(whole.stderr));
    const out = join(folder, "out");
    let resume: string[] = [];
    for (const delay of [0, 15, 40]) {
      const before = resume.length ? Math.max(...stateSteps(out)) : 0;
      const child = easel([...training(folder, "out"), ...resume]).spawn();
      child.stderr.cancel();
      // A state of this process, then some milliseconds more: into a step or into the next save.
      const until = Date.now() + 60_000;
      for (;;) {
        await new Promise((later) => setTimeout(later, 5));
        try {
          if (Math.max(0, ...stateSteps(out)) > before) break;
        } catch { /* the folder is not there yet */ }
        assert.ok(Date.now() < until, "no state within a minute");
      }
      await new Promise((later) => setTimeout(later, delay));
      child.kill("SIGKILL");
      await child.status;
      for (const name of names(out).filter((name) => name.endsWith(".safetensors"))) {
        assert.ok(weights(join(out, name)).size > 0, name);
      }
      const last = Math.max(...stateSteps(out));
      resume = ["--resume", join(out, `thing-step${String(last).padStart(8, "0")}-state`)];
    }
    const finished = await easel([...training(folder, "out"), ...resume]).output();
    const done = finished.code === 1 &&
      /are asked for; raise --max_train_steps/.test(decode(finished.stderr));
    assert.ok(finished.code === 0 || done, decode(finished.stderr));
    assert.deepEqual(
      names(out).filter((name) => name.includes(".easel-")),
      [],
      "what was half written is gone",
    );
    assert.deepEqual(
      weights(join(out, `thing-step${String(STEPS).padStart(8, "0")}.safetensors`)),
      weights(join(folder, `whole/thing-step${String(STEPS).padStart(8, "0")}.safetensors`)),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a full disk ends training with one line, exit 1, and what was there before stays", async () => {
  const folder = fixture();
  try {
    const first = await easel([...training(folder, "out"), "--max_train_steps", "2"]).output();
    assert.equal(first.code, 0, decode(first.stderr));
    const out = join(folder, "out");
    const kept = new Map(
      names(out).filter((name) => name.endsWith(".safetensors")).map((name) => [
        name,
        fileSha256(join(out, name)),
      ]),
    );
    // Files may grow to 16 KiB and no further: less than the LoRA needs.
    const { code, stderr } = await new Deno.Command("sh", {
      args: [
        ...[
          "-c",
          'trap "" XFSZ; ulimit -f 32; exec "$@"',
          "sh",
          Deno.execPath(),
          "run",
          "--quiet",
          "-A",
          MAIN,
        ],
        ...[...training(folder, "out"), "--max_train_steps", "2"],
      ],
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    const text = decode(stderr);
    assert.equal(code, 1, text);
    const line = text.trimEnd().split("\n").at(-1)!;
    assert.match(
      line,
      /^easel train_network: .*thing-step00000001\.safetensors: cannot be written \(.+\); free space/,
    );
    assert.doesNotMatch(text, /^\s+at /m);
    for (const [name, hash] of kept) assert.equal(fileSha256(join(out, name)), hash, name);
    assert.deepEqual(names(out).filter((name) => name.includes(".tmp")), []);
    assert.ok(kept.size > 0, basename(out));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
