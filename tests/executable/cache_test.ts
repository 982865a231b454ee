/** Where the executable unpacks itself, and what it does when that goes wrong. */

import assert from "node:assert/strict";
import { join } from "node:path";
import {
  asPlainUser,
  cannotBuild,
  cannotMount,
  command,
  executable,
  exists,
  finish,
  names,
  PLAIN_USER,
  withFolder,
} from "./built.ts";

const skip = cannotBuild();
if (skip) console.log(`tests/executable/cache_test.ts is skipped: ${skip}`);

function test(name: string, fn: () => Promise<void>, unless: string | null = null): void {
  const ignore = skip !== null || unless !== null;
  Deno.test({ name: `executable: ${name}${unless ? ` (${unless})` : ""}`, ignore, fn });
}

const version = async (env: Record<string, string>) =>
  finish(asPlainUser([(await executable()).path, "--version"]), env);

/** The one version's folder in a cache, which is whole in itself: nothing half-made lies beside it. */
function onlyFolder(cache: string): string {
  const found = names(cache);
  assert.equal(found.length, 1, found.join());
  assert.match(found[0], /^\d+\.\d+\.\d+-[0-9a-f]{16}$/);
  return join(cache, found[0]);
}

const works = ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => {
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^easel \d+\.\d+\.\d+\n$/);
  assert.equal(stderr, "");
};

test("unpacks into EASEL_CACHE, XDG_CACHE_HOME/easel, ~/.cache/easel, or a private temporary folder", async () => {
  await withFolder(async (folder) => {
    const [chosen, xdg, home, tmp] = ["chosen ü", "xdg", "home", "tmp"].map((name) => join(folder, name));
    await finish(asPlainUser(["/bin/mkdir", home, tmp]));
    works(await version({ EASEL_CACHE: chosen, XDG_CACHE_HOME: xdg, HOME: home, TMPDIR: tmp }));
    onlyFolder(chosen);
    works(await version({ XDG_CACHE_HOME: xdg, HOME: home, TMPDIR: tmp }));
    onlyFolder(join(xdg, "easel"));
    works(await version({ HOME: home, TMPDIR: tmp }));
    onlyFolder(join(home, ".cache/easel"));
    works(await version({ TMPDIR: tmp }));
    const own = join(tmp, `easel-${PLAIN_USER}`);
    onlyFolder(own);
    assert.equal(Deno.statSync(own).mode! & 0o777, 0o700);
    assert.deepEqual(names(home), [".cache"]);
  });
});

test("in a terminal it prints what it prints in a pipe, and nothing of Deno's", async () => {
  await withFolder(async (folder) => {
    const env = { EASEL_CACHE: join(folder, "cache"), NO_COLOR: "1", TERM: "xterm" };
    const { path } = await executable();
    works(await version(env));
    const inTerminal = (args: string) =>
      finish(["/usr/bin/script", "-q", "-e", "-c", `'${path}' ${args}`, "/dev/null"], env);
    const { code, stdout } = await inTerminal("--version");
    assert.match(stdout, /^easel \d+\.\d+\.\d+\r\n$/);
    assert.equal(code, 0);
    const wrong = await inTerminal("trian_network");
    assert.equal(wrong.code, 2);
    assert.match(wrong.stdout, /^easel: trian_network is not a command.*\r\n$/);
  });
}, exists("/usr/bin/script") ? null : "script of util-linux is missing");

test("first starts at the same moment share one folder", async () => {
  await withFolder(async (folder) => {
    const EASEL_CACHE = join(folder, "cache");
    for (const result of await Promise.all([1, 2, 3].map(() => version({ EASEL_CACHE })))) works(result);
    onlyFolder(EASEL_CACHE);
  });
});

test("killed while it unpacks, it starts over and clears away the rest", async () => {
  await withFolder(async (folder) => {
    const EASEL_CACHE = join(folder, "cache");
    const child = command(asPlainUser([(await executable()).path, "--version"]), { EASEL_CACHE }).spawn();
    const unfinished = () => names(EASEL_CACHE).find((name) => name.startsWith(".unpacking-"));
    while (!unfinished() || !exists(join(EASEL_CACHE, unfinished()!, "deno"))) {
      await new Promise((later) => setTimeout(later, 2));
    }
    child.kill("SIGKILL");
    assert.equal((await child.output()).signal, "SIGKILL");
    assert.equal(names(EASEL_CACHE).length, 1);
    assert.ok(unfinished());
    works(await version({ EASEL_CACHE }));
    onlyFolder(EASEL_CACHE);
  });
});

test("files that were changed, cut off, made unrunnable, replaced or removed are put right", async () => {
  await withFolder(async (folder) => {
    const EASEL_CACHE = join(folder, "cache");
    works(await version({ EASEL_CACHE }));
    const at = (name: string) => join(onlyFolder(EASEL_CACHE), name);
    const main = Deno.readTextFileSync(at("src/bundle/main.js"));
    const oneDnn = Deno.readFileSync(at("build/libdnnl.so.2"));

    // The same size and times as before: only its bytes tell.
    const { mtime, atime } = Deno.statSync(at("src/bundle/main.js"));
    const evil = 'console.log("tampered");Deno.exit(0);//';
    Deno.writeTextFileSync(at("src/bundle/main.js"), evil + main.slice(evil.length));
    Deno.utimeSync(at("src/bundle/main.js"), atime!, mtime!);
    Deno.truncateSync(at("build/libdnnl.so.2"), 1000);
    Deno.chmodSync(at("deno"), 0o644);
    Deno.removeSync(at("build/libeasel_cpu.so"));
    Deno.removeSync(at("LICENCES.txt"));
    Deno.symlinkSync("/etc/passwd", at("LICENCES.txt"));
    works(await version({ EASEL_CACHE }));

    assert.equal(Deno.readTextFileSync(at("src/bundle/main.js")), main);
    assert.deepEqual(Deno.readFileSync(at("build/libdnnl.so.2")), oneDnn);
    assert.ok(exists(at("build/libeasel_cpu.so")));
    assert.ok(Deno.lstatSync(at("LICENCES.txt")).isFile);
    assert.ok(!names(at("build")).concat(names(at("src/bundle"))).some((name) => name.endsWith(".new")));
  });
});

test("what stands in the place of a file or folder of easel's steps aside and is not written through", async () => {
  await withFolder(async (folder) => {
    const EASEL_CACHE = join(folder, "cache"), elsewhere = join(folder, "elsewhere");
    works(await version({ EASEL_CACHE }));
    const whole = onlyFolder(EASEL_CACHE);
    await finish(asPlainUser(["/bin/cp", "-r", join(whole, "build"), elsewhere]));
    await Deno.writeTextFile(join(elsewhere, "libdnnl.so.2"), "mine");
    await Deno.remove(join(whole, "build"), { recursive: true });
    await Deno.symlink(elsewhere, join(whole, "build"));
    await Deno.remove(join(whole, "LICENCES.txt"));
    await finish(asPlainUser(["/bin/mkdir", join(whole, "LICENCES.txt")]));
    await Deno.writeTextFile(join(whole, "LICENCES.txt/note"), "mine");
    works(await version({ EASEL_CACHE }));
    assert.equal(await Deno.readTextFile(join(elsewhere, "libdnnl.so.2")), "mine");
    assert.ok(Deno.lstatSync(join(whole, "build")).isDirectory);
    const aside = names(whole).filter((name) => /\.aside-[0-9a-f]{16}$/.test(name));
    assert.deepEqual(aside.map((name) => name.split(".aside")[0]), ["LICENCES.txt", "build"]);
    assert.equal(await Deno.readTextFile(join(whole, aside[0], "note")), "mine");

    await Deno.remove(whole, { recursive: true });
    await Deno.writeTextFile(whole, "a file in the folder's place");
    works(await version({ EASEL_CACHE }));
    const [first, second] = names(EASEL_CACHE);
    assert.ok(Deno.statSync(join(EASEL_CACHE, first, "deno")).isFile);
    assert.equal(await Deno.readTextFile(join(EASEL_CACHE, second)), "a file in the folder's place");
  });
});

test("a read-only home is no obstacle, and a read-only cache that is whole is used as it is", async () => {
  await withFolder(async (folder) => {
    const home = join(folder, "home"), tmp = join(folder, "tmp"), EASEL_CACHE = join(folder, "cache");
    await finish(asPlainUser(["/bin/mkdir", home, tmp]));
    Deno.chmodSync(home, 0o555);
    works(await version({ HOME: home, TMPDIR: tmp }));
    onlyFolder(join(tmp, `easel-${PLAIN_USER}`));
    assert.deepEqual(names(home), []);

    await Deno.remove(join(tmp, `easel-${PLAIN_USER}`), { recursive: true });
    works(await version({ EASEL_CACHE, TMPDIR: tmp }));
    await finish(["/bin/chmod", "-R", "a-w", EASEL_CACHE]);
    works(await version({ EASEL_CACHE, TMPDIR: tmp }));
    assert.deepEqual(names(tmp), []);

    // Damaged and read-only: it cannot be put right, so it is not used.
    await finish(["/bin/chmod", "u+w", join(onlyFolder(EASEL_CACHE), "src/bundle/main.js")]);
    await Deno.writeTextFile(join(onlyFolder(EASEL_CACHE), "src/bundle/main.js"), 'console.log("tampered")');
    works(await version({ EASEL_CACHE, TMPDIR: tmp }));
    onlyFolder(join(tmp, `easel-${PLAIN_USER}`));
    await finish(["/bin/chmod", "-R", "u+w", folder]);
  });
});

/** Two small file systems, over the cache and over the temporary folder, that end with the command. */
const SMALL_DISKS = `
small() { mount -t tmpfs -o "size=$1,mode=700,uid=$ID,gid=$ID" small "$2"; }
small 40m "$EASEL_CACHE" && small 20m "/tmp/easel-$ID" || exit 99
"$@"
code=$?
ls -A "$EASEL_CACHE" "/tmp/easel-$ID" | grep -v : | sed '/^$/d'
exit $code`;

test("a full disk ends in one line, or in another folder, and leaves nothing behind", async () => {
  await withFolder(async (folder) => {
    const easel = asPlainUser([(await executable()).path, "--version"]);
    const full = join(folder, "full"), spare = join(folder, "spare"), ID = String(PLAIN_USER);
    await finish(asPlainUser(["/bin/mkdir", "-p", full, spare, `/tmp/easel-${ID}`]));
    try {
      const inside = (env: Record<string, string>) =>
        finish(["/usr/bin/unshare", "--mount", "/bin/sh", "-c", SMALL_DISKS, "sh", ...easel], {
          ...{ PATH: "/usr/bin:/usr/sbin:/bin:/sbin", ID, EASEL_CACHE: full },
          ...env,
        });
      const failed = await inside({});
      assert.equal(failed.code, 1, failed.stderr);
      assert.match(
        failed.stderr,
        /^easel: cannot unpack itself \(.*full.*: No space left on device; .*\); set EASEL_CACHE to .* MB free\n$/,
      );
      assert.equal(failed.stdout, "");
      works(await inside({ TMPDIR: spare }));
      onlyFolder(join(spare, `easel-${ID}`));
    } finally {
      await Deno.remove(`/tmp/easel-${ID}`, { recursive: true });
    }
  });
}, cannotMount());

/** Files of a version's folder, made as PLAIN_USER; `mark` lists what easel would have put there. */
async function makeVersion(
  folder: string,
  files: readonly string[],
  mark: readonly string[] | null,
): Promise<void> {
  for (const file of files) {
    await finish(asPlainUser(["/usr/bin/install", "-D", "/dev/null", join(folder, file)]));
  }
  if (mark === null) return;
  const title = "easel made these files and removes them once they are no longer used:";
  await Deno.writeTextFile(join(folder, ".easel-files"), [title, ...mark, "end\n"].join("\n"));
}

const OLD_FILES = ["LICENCES.txt", "deno", "src/bundle/main.js"];

/** What lies in the cache, unused for 20 days; what must be left of it after a first start. */
const BESIDE: readonly {
  name: string;
  files: readonly string[];
  mark?: readonly string[];
  left: readonly string[];
}[] = [
  { name: "0.0.1-0123456789abcdef", files: OLD_FILES, mark: OLD_FILES, left: [] },
  { name: "0.0.2-0123456789abcdef", files: OLD_FILES, left: [] }, // before there were marks
  {
    name: "0.0.3-0123456789abcdef",
    files: [...OLD_FILES, "src/mine.js"],
    mark: [...OLD_FILES, "../photos/2023", "/etc/hostname"],
    left: ["src/mine.js"],
  },
  { name: "0.0.4-0123456789abcdef", files: [...OLD_FILES, "photo.png"], left: [...OLD_FILES, "photo.png"] },
  { name: "0.0.5-0123456789abcdef", files: ["notes.txt"], left: ["notes.txt"] },
  { name: ".unpacking-0123456789abcdef", files: ["deno"], mark: OLD_FILES, left: [] },
  { name: ".unpacking-4711", files: ["LICENCES.txt", "deno"], left: [] },
  { name: ".unpacking-4712", files: ["holiday/a.png"], left: ["holiday/a.png"] },
  { name: ".unpacking-boxes", files: ["LICENCES.txt"], left: ["LICENCES.txt"] },
  { name: "1.0.0-notes", files: ["n.txt"], left: ["n.txt"] },
  {
    name: "models-0123456789abcdef",
    files: OLD_FILES,
    mark: OLD_FILES,
    left: [...OLD_FILES, ".easel-files"],
  },
  { name: "choices", files: ["c.json"], left: ["c.json"] },
  { name: "photos", files: ["2023"], left: ["2023"] },
];

test("a first start removes old versions and unfinished ones, and nothing else that lies beside them", async () => {
  await withFolder(async (folder) => {
    const EASEL_CACHE = join(folder, "cache"), long = new Date(Date.now() - 20 * 24 * 3600 * 1000);
    for (const { name, files, mark } of BESIDE) {
      await makeVersion(join(EASEL_CACHE, name), files, mark ?? null);
      Deno.utimeSync(join(EASEL_CACHE, name), long, long);
    }
    await Deno.symlink(join(EASEL_CACHE, "photos"), join(EASEL_CACHE, "0.0.6-0123456789abcdef"));
    works(await version({ EASEL_CACHE }));
    const { stdout } = await finish(["/usr/bin/find", EASEL_CACHE, "-type", "f", "-printf", "%P\n"]);
    const left = stdout.split("\n");
    for (const { name, left: wanted } of BESIDE) {
      const found = left.filter((path) => path.startsWith(`${name}/`)).map((path) =>
        path.slice(name.length + 1)
      );
      assert.deepEqual(found.sort(), [...wanted].sort(), name);
      assert.equal(exists(join(EASEL_CACHE, name)), wanted.length > 0, name);
    }
    assert.ok(Deno.lstatSync(join(EASEL_CACHE, "0.0.6-0123456789abcdef")).isSymlink);
  });
});

test("versions that are running or were used within two weeks stay", async () => {
  await withFolder(async (folder) => {
    const EASEL_CACHE = join(folder, "cache");
    const [running, recent] = ["0.0.2-0000000000000000", "0.0.3-0000000000000000"];
    for (const name of [running, recent]) await makeVersion(join(EASEL_CACHE, name), OLD_FILES, OLD_FILES);
    const long = new Date(Date.now() - 20 * 24 * 3600 * 1000);
    Deno.utimeSync(join(EASEL_CACHE, running), long, long);
    using used = await Deno.open(join(EASEL_CACHE, running));
    await used.lock(false);
    works(await version({ EASEL_CACHE }));
    assert.deepEqual(names(EASEL_CACHE).slice(0, 2), [running, recent]);
  });
});

test("a temporary folder that somebody else prepared is refused", async () => {
  await withFolder(async (folder) => {
    await Deno.mkdir(join(folder, `easel-${PLAIN_USER}`), { mode: 0o777 });
    await Deno.chmod(join(folder, `easel-${PLAIN_USER}`), 0o777);
    const { stderr } = await version({ TMPDIR: folder, HOME: "/proc" });
    assert.deepEqual(names(join(folder, `easel-${PLAIN_USER}`)), [], stderr);
  });
});
