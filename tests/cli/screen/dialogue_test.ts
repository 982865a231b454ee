/** gen_img --interactive on a terminal and behind a pipe, from the keys to the files. */

import assert from "node:assert/strict";
import { easelCommand, installed, ROOT } from "../easel.ts";

const DRAW = [
  "gen_img",
  "--ckpt",
  "builtin:tiny",
  "--interactive",
  "--W",
  "64",
  "--H",
  "64",
  "--threads",
  "1",
];
const terminals = Boolean(installed("script")) && Deno.build.os === "linux";

/** The program on a pseudo-terminal of util-linux's script: what it shows, and keys for it. */
class Typist {
  readonly #child: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  #shown = "";
  readonly #read: Promise<void>;

  constructor(args: readonly string[]) {
    const words = [Deno.execPath(), "run", "--quiet", "-A", `${ROOT}/main.ts`, ...args];
    this.#child = new Deno.Command("script", {
      // exec: a shell that stayed would take the Ctrl-C, too, and end with 130 after all
      args: ["-qec", `exec ${words.map((word) => `'${word}'`).join(" ")}`, "/dev/null"],
      env: { CI: "", TERM: "xterm", NO_COLOR: "1", OMP_WAIT_POLICY: "passive" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#keys = this.#child.stdin.getWriter();
    this.#read = this.#gather();
  }

  async #gather(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stdout) this.#shown += decoder.decode(bytes, { stream: true });
  }

  /** Waits until `text` has come, and forgets what came up to its end. */
  async see(text: string): Promise<void> {
    for (let tries = 0; !this.#shown.includes(text); tries++) {
      assert.ok(
        tries < 1200,
        `${JSON.stringify(text)} did not come; shown: ${JSON.stringify(this.#shown.slice(-500))}`,
      );
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    this.#shown = this.#shown.slice(this.#shown.indexOf(text) + text.length);
  }

  type(keys: string): Promise<void> {
    return this.#keys.write(new TextEncoder().encode(keys));
  }

  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#read;
    await this.#keys.close().catch(() => {});
    return code;
  }
}

const UP = "\x1b[A", BACK = "\x7f", CTRL_C = "\x03", CTRL_D = "\x04";

Deno.test("a prompt is typed, called back and changed; Ctrl-C ends a picture, Ctrl-D the program", {
  ignore: !terminals,
}, async () => {
  const outdir = await Deno.makeTempDir();
  try {
    const typist = new Typist([...DRAW, "--steps", "900", "--outdir", outdir]);
    await typist.see("prompt> ");
    await typist.type("a red circle --s 1 --f one\r");
    await typist.see("wrote");
    await typist.see("prompt> ");
    await typist.type(UP);
    await typist.see("--f one");
    await typist.type(`${BACK.repeat(3)}two\r`);
    await typist.see("two.png");
    await typist.see("prompt> ");
    await typist.type("a picture that takes long\r");
    await typist.see("/900 ....");
    await typist.type(CTRL_C);
    await typist.see("stopping this picture");
    await typist.see("prompt> ");
    await typist.type("half a line");
    await typist.see("line");
    await typist.type(CTRL_C);
    await typist.see("prompt> ");
    await typist.type("a blue square --s 1 --f three\r");
    await typist.see("three.png");
    await typist.see("prompt> ");
    await typist.type(CTRL_D);
    assert.equal(await typist.ended(), 0);
    const names = [...Deno.readDirSync(outdir)].map(({ name }) => name).sort();
    assert.deepEqual(names, ["one.png", "three.png", "two.png"]);
  } finally {
    await Deno.remove(outdir, { recursive: true });
  }
});

Deno.test("lines from a pipe are prompts, with their options; one that cannot be drawn makes the status 1", async () => {
  const outdir = await Deno.makeTempDir();
  try {
    const child = easelCommand([...DRAW, "--steps", "1", "--outdir", outdir], { stdin: "piped" }).spawn();
    const keys = child.stdin.getWriter();
    await keys.write(new TextEncoder().encode("a cat --f cat --d 1\r\na dog --w 63\nlast --f dog"));
    await keys.close();
    const { code, stderr } = await child.output();
    assert.equal(code, 1);
    const text = new TextDecoder().decode(stderr);
    assert.match(text, /warning: a picture of 63x64 cannot be drawn/);
    assert.match(text, /easel gen_img: 1 of 3 prompts could not be drawn/);
    assert.doesNotMatch(text, /prompt> /);
    const names = [...Deno.readDirSync(outdir)].map(({ name }) => name).sort();
    assert.deepEqual(names, ["cat.png", "dog.png"]);
  } finally {
    await Deno.remove(outdir, { recursive: true });
  }
});
