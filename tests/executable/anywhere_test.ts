/** dist/easel on machines that have nothing, or only Debian's base. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { debianRoot, noDebianRoot } from "./debian_root.ts";
import { cannotBuild, cannotMount, executable, names, openFolder } from "./built.ts";
import { demo, furnish, HOME, inRoot, journey } from "./journey.ts";

const skip = cannotBuild() ?? cannotMount();
if (skip) console.log(`tests/executable/anywhere_test.ts is skipped: ${skip}`);

Deno.test({
  name:
    "the executable trains and draws in a root with nothing in it but /proc: no libc, no /dev, no network",
  ignore: skip !== null,
  async fn() {
    const root = openFolder("easel leer ");
    try {
      furnish(root, (await executable()).path);
      await journey(root);
      await demo(root);
      // What it unpacked is its own; it wrote nothing else.
      assert.deepEqual(names(join(root, HOME)), [
        ...[".cache", "data", "demo", "easel ✓", "model.safetensors", "out", "pictures", "small"],
      ]);
      assert.deepEqual(names(join(root, HOME, ".cache")), ["easel"]);
      assert.deepEqual(names(root), ["home", "proc", "tmp"]);
      assert.deepEqual(names(join(root, "tmp")), []);

      const bare = await inRoot(root, ["--version"], {});
      assert.equal(bare.code, 0, bare.stderr);
      assert.match(bare.stdout, /^easel \d/);
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  },
});

const skipDebian = skip ?? noDebianRoot();
if (!skip && skipDebian) console.log(`the test in a bare Debian is skipped: ${skipDebian}`);

Deno.test({
  name: "the executable trains and draws in a bare Debian",
  ignore: skipDebian !== null,
  async fn() {
    const root = await debianRoot();
    if (!root) return; // it said why
    try {
      furnish(root, (await executable()).path);
      const doctor = await inRoot(root, ["doctor"]);
      assert.equal(doctor.code, 0, doctor.stdout + doctor.stderr);
      assert.match(doctor.stdout, /^ok +CPU library .*oneDNN/m);
      await journey(root);
    } finally {
      await Deno.remove(join(root, HOME), { recursive: true });
    }
  },
});
