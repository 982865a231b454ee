import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../src/base/errors.ts";
import { atomicWriteFile } from "../../src/base/files/atomic.ts";
import { fileText, refuseToReplace } from "../../src/base/files/regular_file.ts";
import { refuseForeignFile } from "../../src/data/cache/latent_file.ts";
import { openContext } from "../../src/cli/screen/context.ts";
import { loadFolder } from "../../src/data/dataset/folders.ts";
import { loadImage, probeSize } from "../../src/images/load.ts";
import { loadMetadata } from "../../src/data/dataset/metadata.ts";
import type { DreamBoothSubset, FineTuningSubset } from "../../src/data/dataset/params.ts";
import { openCheckpoint, openSafetensors, readNpz, readToml } from "../../src/formats/mod.ts";
import { initialImages } from "../../src/generation/pictures/initial_images.ts";
import { readSamplePrompts } from "../../src/generation/prompts/sample_prompt.ts";
import { readStateFile } from "../../src/training/state/mod.ts";
import { encodePng } from "../../src/images/png_file.ts";

const windows = Deno.build.os === "windows";

/** Runs `body` with a folder and a function that makes pipes in it. */
async function withPipes(body: (folder: string, pipe: (name: string) => string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  const pipe = (name: string) => {
    const path = join(folder, name);
    assert.ok(new Deno.Command("mkfifo", { args: [path] }).outputSync().success);
    return path;
  };
  try {
    await body(folder, pipe);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "whatever reads a file by its name refuses a pipe at once, in a line that says so",
  ignore: windows,
  fn: () =>
    withPipes(async (folder, pipe) => {
      const subset = { image_dir: folder, caption_extension: ".txt", num_repeats: 1 };
      const readers: [string, (path: string) => unknown][] = [
        ["a.png", (path) => loadImage(path)],
        ["b.png", (path) => probeSize(path)],
        ["c.safetensors", openSafetensors],
        ["d.ckpt", openCheckpoint],
        ["e.npz", readNpz],
        ["f.toml", readToml],
        ["g.txt", readSamplePrompts],
        ["h.json", (metadata_file) =>
          loadMetadata({ ...subset, metadata_file } as unknown as FineTuningSubset)],
        ["state.json", () =>
          readStateFile(folder)],
        ["a.txt", () => loadFolder(subset as unknown as DreamBoothSubset)],
        ["i.jpg", (path) => initialImages(path, { W: 64, H: 64, compat: null }, () => {}, "--image_path")],
        ["j", fileText],
        ["log", (path) => openContext({ file: path }).close()],
      ];
      for (const [name, read] of readers) {
        const path = pipe(name);
        await assert.rejects(async () => await read(path), (error: unknown) => {
          assert.ok(error instanceof UserError, `${name}: ${error}`);
          assert.ok(error.message.startsWith(`${path}: is a pipe`), error.message);
          return true;
        });
      }
      assert.throws(() => fileText("/dev/zero"), /is a device; a file is wanted/);
      assert.throws(() => fileText(folder), /is a folder; a file is wanted/);
    }),
});

Deno.test({
  name: "a device or a folder is never replaced by a file, through links neither",
  ignore: windows,
  fn: () =>
    withPipes((folder) => {
      const link = join(folder, "link.npz"), inside = join(folder, "folder.npz");
      Deno.symlinkSync("/dev/null", link);
      Deno.mkdirSync(inside);
      for (const path of [link, inside]) {
        const before = Deno.statSync(path);
        const refused = {
          name: "NoFile",
          message: /^\S+: is a (device|folder), which is not replaced; move it/,
        };
        assert.throws(() => refuseToReplace(path), refused);
        assert.throws(() => refuseForeignFile(path), refused);
        // a test that fails must not take the device
        if (path !== link) assert.throws(() => atomicWriteFile(path, "x"), refused);
        assert.equal(Deno.statSync(path).ino, before.ino);
      }
      return Promise.resolve();
    }),
});

Deno.test({
  name: "a pipe among the pictures of a folder is left out with a line",
  ignore: windows,
  fn: () =>
    withPipes(async (folder, pipe) => {
      const data = new Uint8Array(64 * 64 * 3), lines: string[] = [];
      await Deno.writeFile(join(folder, "cat.png"), encodePng({ width: 64, height: 64, data }));
      const path = pipe("dog.png");
      const images = await initialImages(
        folder,
        { W: 64, H: 64, compat: null },
        (line) => lines.push(line),
        "--image_path",
      );
      assert.equal(images.length, 1);
      assert.deepEqual(lines, [`${path}: is a pipe, no picture; left out`]);
    }),
});

Deno.test({
  name: "a pipe that the caller opened is read to its end",
  ignore: windows,
  fn: async () => {
    const script = `import { fileText } from "${new URL(
      "../../src/base/files/regular_file.ts",
      import.meta.url,
    )}";
      console.log(fileText("/dev/stdin"))`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", script],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode("a cat --n dog"));
    await writer.close();
    const { stdout } = await child.output();
    assert.equal(new TextDecoder().decode(stdout), "a cat --n dog\n");
  },
});
