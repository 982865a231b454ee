/** The completion scripts in the shells they are for. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { COMMANDS } from "../../../src/cli/commands/index.ts";
import { completionScript, type Shell } from "../../../src/cli/completions/mod.ts";
import { decoded, easel, inFolder, installed } from "../easel.ts";

/** A folder with files of several kinds and the script. */
async function prepared(
  shell: Shell,
  body: (folder: string, script: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const script = join(folder, ".script");
    await Deno.writeTextFile(script, await completionScript(COMMANDS, shell));
    for (const name of ["model one.safetensors", "model.txt", "mine.toml"]) {
      await Deno.writeTextFile(join(folder, name), "");
    }
    await Deno.mkdir(join(folder, "models"));
    await body(folder, script);
  });
}

async function run(shell: Shell, script: string, folder: string, env: Record<string, string> = {}) {
  const noStartFiles: Record<Shell, string[]> = { bash: ["--norc"], zsh: ["-f"], fish: ["--no-config"] };
  const out = decoded(
    await new Deno.Command(shell, {
      args: [...noStartFiles[shell], "-c", script],
      cwd: folder,
      stdin: "null",
      env: { HOME: folder, LC_ALL: "C.UTF-8", TERM: "dumb", ...env },
    }).output(),
  );
  assert.equal(out.code, 0, out.stderr);
  return out.stdout.split("\n").filter((line) => line !== "");
}

/** Words as typed, the last one half -> what bash and fish offer; a word is there whole, or it is not there. */
const CASES: [words: string[], offered: string[], notOffered: string[]][] = [
  [["train_n"], ["train_network"], ["gen_img"]],
  [["help", "gen"], ["gen_img"], ["plan"]],
  [["plan", ""], ["train_network"], ["gen_img"]],
  [["completions", ""], ["bash", "zsh", "fish"], []],
  [["train_network", "--learning_r"], ["--learning_rate"], ["--lr_scheduler"]],
  [["plan", "train_network", "--learning_r"], ["--learning_rate"], []],
  [["train_network", "--mixed_precision", ""], ["no", "fp16", "bf16"], ["--seed"]],
  [["train_network", "--seed", "1", "--mixed_precision", "b"], ["bf16"], ["fp16"]],
  [["gen_img", "--ckpt", "mod"], ["model one.safetensors"], ["model.txt"]],
  [["gen_img", "--network_weights", "a.safetensors", "mod"], ["model one.safetensors"], ["model.txt"]],
  [["train_network", "--config_file", "mi"], ["mine.toml"], []],
  [["train_network", "--train_data_dir", "m"], ["models"], ["model.txt", "mine.toml"]],
  [["inspect", "mod"], ["model one.safetensors"], ["model.txt"]],
];

for (const shell of ["bash", "zsh", "fish"] as const) {
  Deno.test(
    `the completions for ${shell} are a script that ${shell} takes`,
    { ignore: !installed(shell) },
    async () => {
      await prepared(shell, async (folder, script) => {
        const { code, stderr } = await new Deno.Command(shell, { args: ["-n", script], cwd: folder })
          .output();
        assert.deepEqual([code, new TextDecoder().decode(stderr)], [0, ""]);
      });
    },
  );
}

Deno.test("bash completes commands, flags, choices and files of the right kind", async () => {
  await prepared("bash", async (folder, script) => {
    const ask = (words: string[]) => {
      const list = ["easel", ...words].map((word) => `'${word}'`).join(" ");
      const call = `source '${script}'; COMP_WORDS=(${list}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _easel`;
      return run("bash", `${call}; printf '%s\\n' "\${COMPREPLY[@]}"`, folder);
    };
    for (const [words, offered, notOffered] of CASES) {
      const found = await ask(words);
      for (const word of offered) {
        assert.ok(found.includes(word), `${words.join(" ")}: no ${word} in ${found}`);
      }
      for (const word of notOffered) assert.ok(!found.includes(word), `${words.join(" ")}: ${word}`);
    }
    // bash takes "=" for a word
    assert.deepEqual(await ask(["train_network", "--mixed_precision", "=", "f"]), ["fp16"]);
    assert.deepEqual(await ask(["train_network", "--mixed_precision", "="]), ["no", "fp16", "bf16"]);
    // and the user's own spelling of flags is kept
    assert.deepEqual(await ask(["train_network", "--learning-r"]), ["--learning-rate"]);
    assert.deepEqual(await ask(["train-network.sh", "--learning-r"]), []);
    const registered = await run("bash", `source '${script}'; complete -p easel`, folder);
    assert.deepEqual(registered, ["complete -F _easel easel"]);
  });
});

Deno.test("fish completes commands, flags, choices and files of the right kind", {
  ignore: !installed("fish"),
}, async () => {
  await prepared("fish", async (folder, script) => {
    for (const [words, offered, notOffered] of CASES) {
      // fish lists files of other kinds behind those of the right one
      const others = notOffered.filter((word) => word !== "model.txt");
      const line = ["easel", ...words].join(" ");
      const found = (await run("fish", `source '${script}'; complete -C '${line}'`, folder))
        .map((row) => row.split("\t")[0].replace(/\/$/, "").replaceAll("\\ ", " "));
      for (const word of offered) assert.ok(found.includes(word), `${line}: no ${word} in ${found}`);
      for (const word of others) assert.ok(!found.includes(word), `${line}: ${word}`);
    }
  });
});

Deno.test(
  "zsh completes commands, flags, choices and files of the right kind",
  { ignore: !installed("zsh") },
  async () => {
    // completed in a real line editor: what stands in the line after TAB
    const lines: [typed: string, completed: string][] = [
      ["easel train_n", "easel train_network "],
      ["easel train_network --learning_r", "easel train_network --learning_rate="],
      ["easel plan train_network --learning_r", "easel plan train_network --learning_rate="],
      ["easel train_network --mixed_precision b", "easel train_network --mixed_precision bf16 "],
      ["easel train_network --mixed_precision=b", "easel train_network --mixed_precision=bf16 "],
      ["easel gen_img --ckpt model\\ ", "easel gen_img --ckpt model\\ one.safetensors "],
      [
        "easel gen_img --network_weights a.safetensors model\\ ",
        "easel gen_img --network_weights a.safetensors model\\ one.safetensors ",
      ],
      ["easel train_network --config_file mi", "easel train_network --config_file mine.toml "],
      ["easel train_network --train_data_dir mod", "easel train_network --train_data_dir models/"],
      ["easel inspect model\\ ", "easel inspect model\\ one.safetensors "],
      ["easel completions f", "easel completions fish "],
    ];
    await prepared("zsh", async (folder, script) => {
      const driver = `
      zmodload zsh/zpty
      zpty -b z zsh -f -i
      say() { zpty -w z "$1" }
      await() { local all= part; while [[ $all != *"$1"* ]]; do zpty -r z part "*" && all+=$part || sleep 0.05; done; print -r -- "$all" }
      say "PS1= PS2=; unsetopt zle_bracketed_paste prompt_sp prompt_cr; zstyle ':completion:*' insert-unambiguous true"
      say "autoload -Uz compinit; compinit -u -D; source '${script}'"
      say "show() { print -r -- \\"[[\\$BUFFER]]\\"; BUFFER=; zle accept-line }; zle -N show; bindkey '^Xs' show; print rea''dy"
      await ready >/dev/null
      for line in "$@"; do
        zpty -w -n z "$line"$'\\t'$'\\C-Xs'
        await "]]"
      done
      zpty -d z`;
      const out = decoded(
        await new Deno.Command("zsh", {
          args: ["-f", "-c", driver, "zsh", ...lines.map(([typed]) => typed)],
          cwd: folder,
          stdin: "null",
          env: { HOME: folder, LC_ALL: "C.UTF-8", TERM: "dumb" },
        }).output(),
      );
      const shown = [...out.stdout.matchAll(/\[\[(.*?)\]\]/gs)].map(([, line]) => line);
      assert.deepEqual(shown, lines.map(([, completed]) => completed), out.stderr);
    });
  },
);

Deno.test("easel completions prints the script and knows its shells", async () => {
  const { code, stdout } = await easel(["completions", "bash"]);
  assert.equal(code, 0);
  assert.equal(stdout, `${await completionScript(COMMANDS, "bash")}\n`);
  const wrong = await easel(["completions", "tcsh"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /^easel completions: tcsh: there are completions for bash, zsh and fish$/m);
  const none = await easel(["completions"]);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /^easel completions: SHELL is missing; give bash, zsh or fish$/m);
});
