/** Files are whole or not there, temporaries cannot be prepared by others, and what killed processes leave is found. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { atomicWrite, atomicWriteFile, atomicWriteSlowly } from "../../src/base/files/atomic.ts";
import { UserError } from "../../src/base/errors.ts";
import { removeLeftovers, removeLeftoversOf } from "../../src/base/files/leftovers.ts";
import { finished, removeUnfinished, temporaryFile } from "../../src/base/files/temporary.ts";

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

function inFolder(name: string, body: (folder: string) => void | Promise<void>): void {
  Deno.test(name, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "easel base " });
    try {
      await body(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

inFolder(
  "a file that was not written to its end leaves the old one and nothing beside it",
  async (folder) => {
    const path = join(folder, "a.bin"), bytes = new Uint8Array(100);
    atomicWriteFile(path, "old");
    const half = (file: Deno.FsFile) => {
      file.writeSync(bytes);
      assert.deepEqual(names(folder).length, 2);
      throw new Error("the disk is full");
    };
    assert.throws(() => atomicWrite(path, half), (error) => {
      return error instanceof UserError &&
        error.message.startsWith(`${path}: cannot be written (the disk is full)`);
    });
    await assert.rejects(atomicWriteSlowly(path, (file) => Promise.resolve(file).then(half)), UserError);
    assert.equal(Deno.readTextFileSync(path), "old");
    assert.deepEqual(names(folder), ["a.bin"]);
    await atomicWriteSlowly(path, async (file) => void await file.write(bytes));
    assert.deepEqual(Deno.readFileSync(path), bytes);
    assert.throws(
      () => atomicWriteFile(join(folder, "none/a.bin"), "x"),
      /none\/a\.bin: cannot be written \(No such file/,
    );
  },
);

inFolder("what a link points to is replaced, the link stays", (folder) => {
  Deno.mkdirSync(join(folder, "disk"));
  Deno.writeTextFileSync(join(folder, "disk/real"), "old");
  Deno.symlinkSync("disk", join(folder, "shortcut"));
  Deno.symlinkSync("real", join(folder, "disk/second"));
  for (const [link, target] of [["first", "shortcut/second"], ["dangling", "disk/new"]]) {
    Deno.symlinkSync(target, join(folder, link));
    atomicWriteFile(join(folder, link), "new");
    assert.equal(Deno.readLinkSync(join(folder, link)), target);
  }
  assert.deepEqual(names(join(folder, "disk")), ["new", "real", "second"]);
  for (const name of ["new", "real"]) assert.equal(Deno.readTextFileSync(join(folder, "disk", name)), "new");
  Deno.symlinkSync("round", join(folder, "round"));
  assert.throws(() => atomicWriteFile(join(folder, "round"), "x"), /round: cannot be written/);
});

inFolder("a temporary has a random name, which fits where the file's own only just does", (folder) => {
  const made = ["a", "a", "ü".repeat(120)].map((name) => temporaryFile(join(folder, name)));
  const found = names(folder);
  assert.equal(new Set(found).size, 3);
  for (const name of found) assert.match(name, /^(a|ü+)\.easel-[0-9a-f]{16}\.tmp$/);
  removeUnfinished();
  assert.deepEqual(names(folder), []);
  made.forEach(finished);
});

/** A number that no process has. */
const GONE = 4194304;
const RANDOM = "0123456789abcdef";

/** Names of files, and whether one that nobody holds is removed when NAME is about to be written. */
const LEFT: readonly (readonly [string, boolean])[] = [
  [`NAME.easel-${RANDOM}.tmp`, true],
  [`NAME.${GONE}.tmp`, true], // of earlier versions
  [`NAME.${Deno.pid}.tmp`, false], // that process lives
  [`OTHER.easel-${RANDOM}.tmp`, false],
  [`OTHER.${GONE}.tmp`, false],
  [`NAME.easel-${RANDOM.slice(1)}.tmp`, false],
  [`NAME.easel-${RANDOM.toUpperCase()}.tmp`, false],
  [`NAME.easel-${RANDOM}.tmp.txt`, false],
  [`NAME.0${GONE}.tmp`, false],
  [`NAME.${GONE}.tmp~`, false],
  ["NAME.tmp", false],
  ["NAME", false],
  ["notes.tmp", false],
];

inFolder("what killed processes left is removed and told, and nothing else", (folder) => {
  for (const [name] of LEFT) Deno.writeTextFileSync(join(folder, name), "half");
  const mine = join(folder, "mine"),
    link = `NAME.easel-${"f".repeat(16)}.tmp`,
    sub = `NAME.easel-${"e".repeat(16)}.tmp`;
  Deno.writeTextFileSync(mine, "mine");
  Deno.symlinkSync(mine, join(folder, link));
  Deno.mkdirSync(join(folder, sub));
  const lines: string[] = [];
  removeLeftoversOf(join(folder, "NAME"), (line) => lines.push(line));
  const gone = LEFT.filter(([, removed]) => removed).map(([name]) => name);
  const kept = LEFT.filter(([, removed]) => !removed).map(([name]) => name);
  assert.deepEqual(names(folder), [...kept, "mine", link, sub].sort());
  assert.deepEqual(
    lines.sort(),
    gone.map((name) => `${join(folder, name)}: removed, a run that was killed while writing left it`).sort(),
  );
  removeLeftovers(join(folder, "none"), () => true, assert.fail);
});

inFolder(
  "what is being written stays, whoever writes it; once its process is killed it goes",
  async (folder) => {
    const path = join(folder, "a.bin"), clear = () => removeLeftovers(folder, () => true, () => {});
    const code = `
    const { temporaryFile } = await import(${
      JSON.stringify(import.meta.resolve("../../src/base/files/temporary.ts"))
    });
    temporaryFile(${JSON.stringify(path)});
    console.log("made");
    await new Promise((done) => setTimeout(done, 60_000));`;
    const child = new Deno.Command(Deno.execPath(), { args: ["eval", code], stdout: "piped" }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    atomicWrite(path, (file) => {
      clear();
      assert.equal(names(folder).length, 2);
      file.writeSync(new Uint8Array(3));
    });
    assert.equal(names(folder).length, 2);
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    clear();
    assert.deepEqual(names(folder), ["a.bin"]);
  },
);
