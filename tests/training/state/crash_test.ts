/**
 * kill -9 at every system call of a save that touches files, by strace's fault injection: the old or the new is there
 * whole, and the next start clears away the rest and says so.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { openSafetensors } from "../../../src/formats/mod.ts";
import { trainNetworkDefaults } from "../defaults.ts";
import { openOutput } from "../../../src/training/jobs/output_folder.ts";
import { loadState, seededGenerators } from "../../../src/training/state/mod.ts";
import { installed } from "../../cli/easel.ts";
import { BEGIN, END, saveModel, saveOne, type SAVES } from "./crash_save.ts";
import { STATE, stateStore, TRAINED } from "./saved_state.ts";

const CALLS =
  "open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir," +
  "write,pwrite64,writev,pwritev,fsync,fdatasync,flock,ftruncate,truncate,fchmod,chmod,fallocate,copy_file_range";

interface Save {
  readonly kind: keyof typeof SAVES;
  /** Numbers in what is there before and after; null where nothing is. */
  readonly before: number | null;
  readonly after: number | null;
  /** More for strace. */
  readonly also?: readonly string[];
}

const TABLE: Readonly<Record<string, Save>> = {
  "a model": { kind: "model", before: null, after: 2 },
  "a model in the place of another": { kind: "replaced model", before: 1, after: 2 },
  "a state": { kind: "state", before: null, after: 2 },
  "a state in the place of another": { kind: "replaced state", before: 1, after: 2 },
  "a state in the place of another where names cannot be exchanged": {
    kind: "replaced state",
    before: 1,
    after: 2,
    also: ["-e", "inject=renameat2:error=EINVAL"],
  },
  "the removal of an old state": { kind: "removed state", before: 1, after: null },
};

const strace = installed("strace");

/** Why nothing can be traced here, or null. */
function cannotTrace(): string | null {
  if (strace === null) return "strace is not installed";
  const tried = new Deno.Command(strace, {
    args: ["-f", "-qq", "-e", "trace=unlink", "true"],
  });
  return tried.outputSync().success ? null : "strace may not trace here";
}

const skip = cannotTrace();
const isModel = ({ kind }: Save) => kind.endsWith("model");
const SAVED = { model: "thing.safetensors", state: "thing-state" };

/** Runs the save in a new folder under strace, which writes what was called to the returned text. */
function traced(
  save: Save,
  inject: readonly string[],
): { folder: string; calls: string[]; success: boolean } {
  const folder = Deno.makeTempDirSync({ prefix: "easel crash " }), log = `${folder}.log`;
  if (save.before !== null) (isModel(save) ? saveModel : saveOne)(folder, save.before);
  const script = join(import.meta.dirname!, "crash_save.ts");
  const { success } = new Deno.Command(strace!, {
    args: [
      ...["-f", "-qq", "-o", log, "-e", `trace=${CALLS}`, ...save.also ?? [], ...inject],
      ...[Deno.execPath(), "run", "-A", "--no-check", "--quiet", script, save.kind, folder],
    ],
  }).outputSync();
  const calls = Deno.readTextFileSync(log).split("\n");
  Deno.removeSync(log);
  return { folder, calls, success };
}

/** Where to kill: each call between the two marks, as its name and how many of that name its thread made until then. */
function killPoints(calls: readonly string[]): { name: string; nth: number }[] {
  const first = calls.findIndex((line) => line.includes(BEGIN)),
    last = calls.findIndex((line) => line.includes(END));
  const [thread] = calls[first].split(" ");
  const counts = new Map<string, number>(), points: { name: string; nth: number }[] = [];
  calls.slice(0, last + 1).forEach((line, i) => {
    const name = /^(\d+) +(\w+)\(/.exec(line);
    if (name?.[1] !== thread) return;
    counts.set(name[2], (counts.get(name[2]) ?? 0) + 1);
    if (i > first) points.push({ name: name[2], nth: counts.get(name[2])! });
  });
  return points;
}

/** The number that a save holds, checked whole; null where there is nothing. */
function valueIn(save: Save, folder: string): number | null {
  const path = join(folder, isModel(save) ? SAVED.model : SAVED.state);
  try {
    Deno.lstatSync(path);
  } catch {
    return null;
  }
  if (isModel(save)) {
    using file = openSafetensors(path);
    return file.f32("x")[1];
  }
  const store = stateStore(0);
  loadState(path, STATE.settings, seededGenerators(0), store, TRAINED);
  return store.values.get("train/1/exp_avg_sq")![4];
}

function checkAfter(save: Save, folder: string, where: string): void {
  const names = () => [...Deno.readDirSync(folder)].map(({ name }) => name);
  const temporary = () => names().filter((name) => !Object.values(SAVED).includes(name));
  const exchanged = save.also === undefined;
  if (exchanged) assert.ok([save.before, save.after].includes(valueIn(save, folder)), where);
  const left = temporary(), lines: string[] = [];
  openOutput({ ...trainNetworkDefaults, outputDir: folder, outputName: "thing" }, {
    log: (line) => lines.push(line),
  });
  assert.deepEqual(temporary(), [], where);
  assert.equal(lines.length, left.length, `${where}: ${left} ${lines}`);
  assert.ok([save.before, save.after].includes(valueIn(save, folder)), where);
}

for (const [what, save] of Object.entries(TABLE)) {
  const name = `killed at any system call of saving ${what}, old or new is there whole`;
  Deno.test({
    name: skip ? `${name} (${skip})` : name,
    ignore: skip !== null,
    fn() {
      const whole = traced(save, []);
      assert.ok(whole.success);
      assert.equal(valueIn(save, whole.folder), save.after);
      Deno.removeSync(whole.folder, { recursive: true });
      const points = killPoints(whole.calls).filter(({ name }) => !save.also?.[1].includes(`${name}:`));
      let inside = 0;
      for (const { name, nth } of points) {
        const { folder, calls, success } = traced(save, ["-e", `inject=${name}:signal=KILL:when=${nth}`]);
        assert.ok(!success, `${name} ${nth} was reached`);
        if (calls.some((line) => line.includes(BEGIN))) inside++;
        checkAfter(save, folder, `killed at ${name} ${nth}`);
        Deno.removeSync(folder, { recursive: true });
      }
      assert.ok(
        points.length > 3 && inside >= points.length - 1,
        `${inside} of ${points.length} within the save`,
      );
    },
  });
}
