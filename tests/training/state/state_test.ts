/** Saved states: every field is checked, nothing but a state is replaced or removed, settings are compared. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../../src/base/errors.ts";
import type { Settings } from "../../../src/training/state/format.ts";
import {
  generatorStates,
  loadState,
  readStateFile,
  refuseOthers,
  removeState,
  saveState,
  tidyStates,
} from "../../../src/training/state/mod.ts";
import { seededGenerators } from "../../../src/training/state/mod.ts";
import { STATE, stateStore, TRAINED } from "./saved_state.ts";

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const FILES = ["state.json", "tensors.safetensors"];

function test(name: string, body: (folder: string) => void): void {
  Deno.test(name, () => {
    const folder = Deno.makeTempDirSync({ prefix: "easel state " });
    try {
      body(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

function save(path: string, value = 1, tell: (line: string) => void = assert.fail): void {
  saveState(path, STATE, generatorStates(seededGenerators(3)), stateStore(value), TRAINED, tell);
}

function load(path: string, settings: Settings = STATE.settings) {
  const store = stateStore(0), generators = seededGenerators(0);
  const state = loadState(path, settings, generators, store, TRAINED);
  return { state, store, generators };
}

test("what was saved is loaded again", (folder) => {
  const path = join(folder, "a-state");
  save(path);
  assert.deepEqual(names(folder), ["a-state"]);
  assert.deepEqual(names(path), FILES);
  const { state, store, generators } = load(path);
  for (const [name, value] of Object.entries(STATE)) {
    assert.deepEqual(state[name as keyof typeof STATE], value, name);
  }
  assert.deepEqual(store.values, stateStore(1).values);
  assert.deepEqual(generators.torch.randn(4), seededGenerators(3).torch.randn(4));
  assert.equal(generators.python.random(), seededGenerators(3).python.random());
});

/** NaN among losses, and what there may be none of. */
const ITEM = "data.waiting.items.0";
const MAY_BE_NULL = new Set([
  ...["losses.total", "losses.losses.0", "python.gaussNext", "data.workers.0.random.gaussNext"],
  ...["data.waiting", `${ITEM}.left`, `${ITEM}.top`, `${ITEM}.scaled`, `${ITEM}.color`],
]);

/** What may hold any names. */
const ANY_NAMES = new Set(["fingerprint", "settings", "step.numbers", "step.running.0"]);

/** Every place in a JSON value, of lists the first item, with what is wrong there. */
function* damages(
  value: unknown,
  at: readonly string[] = [],
): Generator<{ at: readonly string[]; put: unknown }> {
  if (at.length > 0) {
    const mayBeNull = MAY_BE_NULL.has(at.join("."));
    for (const put of [undefined, [null], ...mayBeNull ? [] : [null]]) yield { at, put };
    if (typeof value !== "string") yield { at, put: "x" };
    if (typeof value === "number") yield { at, put: -0.5 };
  }
  if (typeof value !== "object" || value === null || ANY_NAMES.has(at.join("."))) return;
  for (const name of Array.isArray(value) ? ["0"] : Object.keys(value)) {
    if (name in value) yield* damages((value as Record<string, unknown>)[name], [...at, name]);
  }
}

test("a state.json that lacks a field, or has another kind of value there, is refused naming file and field", (folder) => {
  const path = join(folder, "a-state"), file = join(path, "state.json");
  save(path);
  const { sha256: _, ...whole } = JSON.parse(Deno.readTextFileSync(file));
  let tried = 0;
  for (const { at, put } of damages(whole)) {
    const damaged = structuredClone(whole), last = at.at(-1)!;
    let place = damaged;
    for (const name of at.slice(0, -1)) place = place[name];
    if (put === undefined && Array.isArray(place)) continue;
    if (Array.isArray(put) && at.join(".") === "losses.losses") continue; // one loss that is NaN
    if (put === undefined) delete place[last];
    else place[last] = put;
    if (put === -0.5 && (["losses", "startedAt"].includes(at[0]) || last === "hue")) continue; // any number will do
    Deno.writeTextFileSync(file, JSON.stringify(damaged));
    assert.throws(() => readStateFile(path), (error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.ok(error.message.startsWith(`${file}: `), error.message);
      if (at[0] !== "format") assert.ok(error.message.includes(at[0]), `${at}: ${error.message}`);
      assert.doesNotMatch(error.message, /\n|checksum/, `${at} = ${JSON.stringify(put)}`);
      return true;
    }, `${at} = ${JSON.stringify(put)}`);
    tried++;
  }
  assert.ok(tried > 120, String(tried));
});

test("numbers that are possible and others than were saved are told by the checksums", (folder) => {
  const path = join(folder, "a-state"),
    file = join(path, "state.json"),
    tensors = join(path, "tensors.safetensors");
  save(path);
  const text = Deno.readTextFileSync(file);
  Deno.writeTextFileSync(file, text.replace('"globalStep":7', '"globalStep":6'));
  assert.throws(() => load(path), /state\.json: does not match its checksum/);
  Deno.writeTextFileSync(file, text);
  load(path);
  save(join(folder, "b-state"), 2);
  Deno.copyFileSync(join(folder, "b-state/tensors.safetensors"), tensors);
  assert.throws(() => load(path), /tensors\.safetensors: does not match the checksum in state\.json/);
  Deno.truncateSync(tensors, 200);
  assert.throws(() => load(path), /tensors\.safetensors: /);
  Deno.writeTextFileSync(file, '{"format":"easel training state 1"}');
  assert.throws(() => load(path), /resume with the version that saved it/);
});

test("a state takes the place of one of the same name; what is no state stays", (folder) => {
  const path = join(folder, "a-state"), lines: string[] = [];
  save(path);
  save(path, 2);
  assert.deepEqual(load(path).store.values, stateStore(2).values);
  assert.deepEqual(names(folder), ["a-state"]);
  Deno.writeTextFileSync(join(path, "notes.txt"), "mine");
  save(path, 3, (line) => lines.push(line));
  assert.deepEqual(names(path), FILES);
  const [, kept] = names(folder);
  assert.match(kept, /^a-state\.kept-[0-9a-f]{8}$/);
  assert.deepEqual(names(join(folder, kept)), ["notes.txt", ...FILES]);
  assert.deepEqual(lines, [
    `${path}: held something else than a training state, which is kept in ${join(folder, kept)}`,
  ]);
  Deno.writeTextFileSync(join(folder, "b-state"), "a file");
  save(join(folder, "b-state"), 3, () => {});
  assert.deepEqual(names(join(folder, "b-state")), FILES);
  const file = names(folder).find((name) => name.startsWith("b-state.kept-"))!;
  assert.equal(Deno.readTextFileSync(join(folder, file)), "a file");
  Deno.symlinkSync("a-state", join(folder, "c-state"));
  save(join(folder, "c-state"), 4);
  assert.deepEqual(load(path).store.values, stateStore(4).values);
  assert.ok(Deno.lstatSync(join(folder, "c-state")).isSymlink);
});

test("only a state is removed, a link to one alone", (folder) => {
  const [state, noted, other, link] = ["state", "noted", "other", "link"].map((name) => join(folder, name));
  save(state);
  save(noted);
  Deno.writeTextFileSync(join(noted, "notes.txt"), "mine");
  Deno.mkdirSync(other);
  Deno.writeTextFileSync(join(other, "state.json"), "{}");
  Deno.symlinkSync(noted, link);
  const lines: string[] = [];
  for (const path of [state, noted, other, link, join(folder, "none")]) {
    removeState(path, (line) => lines.push(line));
  }
  assert.deepEqual(names(folder), ["noted", "other"]);
  assert.deepEqual(names(noted), ["notes.txt", ...FILES]);
  assert.equal(lines.length, 2);
});

test("the next start clears away what killed runs left of states, and brings back one that was aside", (folder) => {
  const random = "0123456789abcdef", gone = 4194304, lines: string[] = [];
  const at = (name: string) => join(folder, name);
  const folders = {
    [`.a-state.easel-${random}.tmp`]: "removed",
    [`.b-state.easel-${random}.old`]: "brought back",
    [`.c-state.${gone}.old`]: "brought back",
    [`.a-state.${gone}.old`]: "removed",
    [`.other-state.easel-${random}.tmp`]: "left",
    [`.a-state.${Deno.pid}.tmp`]: "left",
  };
  save(at("a-state"));
  for (const name of Object.keys(folders)) save(at(name), 2);
  Deno.mkdirSync(at(`.a-state.${gone}.tmp`));
  Deno.writeTextFileSync(at(`.a-state.${gone}.tmp/tensors.safetensors.${gone}.tmp`), "half");
  const wanted = ["a-state", "b-state", "c-state"];
  tidyStates(folder, (name) => wanted.includes(name), (line) => lines.push(line));
  const left = Object.entries(folders).filter(([, what]) => what === "left").map(([name]) => name);
  assert.deepEqual(names(folder), [...left, ...wanted].sort());
  assert.deepEqual(load(at("a-state")).store.values, stateStore(1).values);
  assert.deepEqual(load(at("b-state")).store.values, stateStore(2).values);
  assert.equal(lines.filter((line) => line.includes("brought back")).length, 2);
  assert.equal(lines.length, 5);
});

test("a resume names all settings that are others: an error where it must not be, a list where it may", (folder) => {
  const path = join(folder, "a-state");
  save(path);
  const settings = {
    ...STATE.settings,
    "--learning_rate": "0.5",
    "--max_train_steps": "9",
    "--new_flag": "1",
  };
  assert.deepEqual(load(path, settings).state.changed, [
    "--learning_rate 0.0001 (now 0.5)",
    "--max_train_steps 8 (now 9)",
  ]);
  const fingerprint = { ...STATE.fingerprint, "--seed": "2", "--network_alpha": "4" };
  assert.throws(() => refuseOthers(path, readStateFile(path), { fingerprint, settings }), {
    name: "UsageError",
    message:
      `${path}: was saved with --seed 1 (now 2), --network_alpha 1 (now 4); give the same, or begin anew ` +
      "without --resume; what may change and did: --learning_rate 0.0001 (now 0.5), --max_train_steps 8 (now 9)",
  });
});
