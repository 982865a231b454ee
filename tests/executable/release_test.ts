/** deno task release: the same bytes from another checkout, what is in the archive, and its install.sh. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { lockedPackages } from "../../tools/compile/packages.ts";
import { release } from "../../tools/release/release.ts";
import { asPlainUser, cannotBuild, executable, exists, finish, names, ROOT, withFolder } from "./built.ts";

const skip = cannotBuild();
if (skip) console.log(`tests/executable/release_test.ts is skipped: ${skip}`);

const PARTS = ["main.ts", "worker.ts", "deno.json", "deno.lock", "LICENSE", "assets", "ffi", "src", "tools"];
const PATH = "/usr/bin:/bin";

Deno.test({
  name: "a release from another folder holds the same executable, is listed whole, installs and uninstalls",
  ignore: skip !== null,
  async fn(t) {
    await withFolder(async (folder) => {
      const checkout = join(folder, "another checkout"), out = join(folder, "out");
      await Deno.mkdir(join(checkout, "build"), { recursive: true });
      const copies = PARTS.map((name) => join(ROOT, name));
      await finish(["/bin/cp", "-r", ...copies, checkout]);
      for (const { name } of Deno.readDirSync(join(ROOT, "build"))) {
        if (name.endsWith(".so")) {
          await Deno.copyFile(join(ROOT, "build", name), join(checkout, "build", name));
        }
      }
      const [archive, checksum, materials, easel] = await release(checkout, out);

      await t.step(
        "two builds are byte for byte the same, and without CUDA no larger than 100 MB",
        async () => {
          const first = await executable();
          const same = await finish(["/usr/bin/cmp", first.path, easel]);
          assert.equal(same.code, 0, same.stdout + same.stderr);
          const cuda = exists(join(ROOT, "build/libeasel_cuda.so")); // kernels for many GPUs; they have no limit
          assert.ok(first.bytes <= 100e6 || cuda, `${first.bytes} bytes`);
        },
      );

      await t.step("no folder of the building machine is named inside", async () => {
        const found = await finish(["/bin/grep", "-c", "-F", ROOT, join(ROOT, "build/libeasel_cpu.so")]);
        assert.equal(found.stdout.trim(), "0");
      });

      await t.step("the list of what is inside names every package, library and licence", async () => {
        const { components, metadata } = JSON.parse(await Deno.readTextFile(materials));
        const byName = new Map<string, Record<string, unknown>>(
          components.map((part: { name: string }) => [part.name, part]),
        );
        for (const { name, version } of lockedPackages()) assert.equal(byName.get(name)?.version, version);
        for (const name of ["deno", "libdnnl2", "libgomp1", "libstdc++6", "libc6", "libzstd-dev"]) {
          assert.ok(byName.has(name), name);
        }
        for (const { name, licenses, purl } of components) {
          const [{ license, expression }] = licenses;
          assert.ok(expression ?? license.id, name);
          assert.match(purl, /^pkg:(npm|deb|github)\//);
        }
        assert.equal(metadata.component.hashes[0].content, await sha256(easel));
      });

      await t.step(
        "install.sh installs for one user, refuses damaged files and leaves nothing behind",
        async () => {
          const home = join(folder, "hö me");
          await finish(asPlainUser(["/bin/mkdir", "-p", home]));
          const env = { HOME: home, PATH, LC_ALL: "C" };
          assert.equal((await sh(out, `sha256sum -c --quiet ${checksum.split("/").at(-1)}`)).code, 0);
          await finish(asPlainUser(["/bin/tar", "-xf", archive, "-C", home]), { PATH });
          const [unpacked] = names(home);
          const script = join(home, unpacked, "install.sh");

          const installed = await finish(asPlainUser(["/bin/sh", script]), env);
          assert.equal(installed.code, 0, installed.stderr);
          assert.match(installed.stdout, /not on your PATH/);
          const version = await finish(asPlainUser([join(home, ".local/bin/easel"), "--version"]), env);
          assert.match(version.stdout, /^easel \d/);
          await Deno.writeTextFile(join(home, ".local/share/other"), "not easel's");
          const [unpackedTo] = names(join(home, ".cache/easel"));
          const mine = join(home, ".cache/easel", unpackedTo, "assets/mine.txt");
          await Deno.writeTextFile(mine, "put beside easel's own");

          const removed = await finish(asPlainUser(["/bin/sh", script, "--uninstall"]), env);
          assert.equal(removed.code, 0, removed.stderr);
          assert.deepEqual(names(join(home, ".local")), ["share"]);
          assert.deepEqual(names(join(home, ".local/share")), ["other"]);
          assert.deepEqual(names(join(home, ".cache/easel")), [unpackedTo]);
          assert.deepEqual(names(join(home, ".cache/easel", unpackedTo)), ["assets"]);
          assert.deepEqual(names(join(home, ".cache/easel", unpackedTo, "assets")), ["mine.txt"]);
          assert.ok(exists(script));

          const other = join(home, ".local/bin/easel");
          await finish(asPlainUser(["/usr/bin/install", "-D", "/bin/true", other]));
          for (const words of [["--uninstall"], []]) {
            const kept = await finish(asPlainUser(["/bin/sh", script, ...words]), env);
            assert.equal(kept.code, 1);
            assert.match(kept.stderr, /bin\/easel is another program of that name/);
            assert.ok(exists(other));
          }
          await Deno.remove(join(home, ".local/bin"), { recursive: true });

          await Deno.writeTextFile(join(home, unpacked, "LICENCES.txt"), "something else");
          const refused = await finish(asPlainUser(["/bin/sh", script]), env);
          assert.equal(refused.code, 1);
          assert.match(refused.stderr, /install\.sh: the files are not those of the release/);
          assert.deepEqual(names(join(home, ".local")), ["share"]);
        },
      );
    });
  },
});

const sh = (folder: string, script: string) =>
  finish(["/bin/sh", "-c", `cd '${folder}' && ${script}`], { PATH });

async function sha256(path: string): Promise<string> {
  return (await finish(["/usr/bin/sha256sum", path])).stdout.slice(0, 64);
}
