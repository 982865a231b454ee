/** What the page asks of a form: its fields, its verdicts, presets, names of files, and the plan. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { rowsOf } from "../../../src/options/mod.ts";
import { readAnswer } from "../../../src/studio/form/plan.ts";
import { FORM_PRESETS } from "../../../src/studio/form/presets.ts";
import { ask, CATALOGUE, formStudio } from "./form_studio.ts";

const values = {
  pretrained_model_name_or_path: "builtin:tiny",
  train_data_dir: "images",
  resolution: "64",
  output_dir: "out",
};

function withImages() {
  const studio = formStudio();
  Deno.mkdirSync(join(studio.folder, "images"));
  return studio;
}

Deno.test("a form has the rows of the help", async () => {
  using studio = formStudio();
  for (const { name } of CATALOGUE.names) {
    const form = await ask(studio, `/api/form/${name}`), rows = rowsOf((await CATALOGUE.load(name)).groups);
    // deno-lint-ignore no-explicit-any -- JSON
    const fields = form.groups.flatMap((group: any) => group.fields.map((field: any) => field.name));
    assert.deepEqual(fields, Object.keys(rows).filter((row) => !/^(json|output_config)$/.test(row)));
  }
  const { needed, usual, groups } = await ask(studio, "/api/form/train_network");
  assert.deepEqual(needed.map((need: { name: string }) => need.name), [
    ...["pretrained_model_name_or_path", "output_dir", "train_data_dir", "resolution"],
    ...["dataset_config", "in_json"],
  ]);
  assert.ok(usual.includes("network_dim"));
  // deno-lint-ignore no-explicit-any -- JSON
  const dim = groups.flatMap((group: any) => group.fields).find((field: any) => field.name === "network_dim");
  assert.equal(dim.type, "int");
});

Deno.test("what is edited in one view is read into the others", async () => {
  using studio = withImages();
  const first = await ask(studio, "/api/form/train_network", { draft: { values } });
  assert.deepEqual(first.problems, []);
  assert.match(first.line, /^easel train_network \\\n {2}--pretrained_model_name_or_path builtin:tiny/);
  const toml = await ask(studio, "/api/form/train_network", {
    toml: `${first.toml}seed = 3\n`,
    before: first.draft,
  });
  assert.deepEqual(toml.draft.values, { ...values, seed: "3" });
  const line = await ask(studio, "/api/form/train_network", {
    line: `${toml.line} --seed 4`,
    before: toml.draft,
  });
  assert.equal(line.draft.values.seed, "4");
  const other = await ask(studio, "/api/form/gen_img", { draft: line.draft });
  assert.deepEqual(Object.keys(other.draft.unknown).sort(), Object.keys(values).sort());
  const back = await ask(studio, "/api/form/train_network", { draft: other.draft });
  assert.deepEqual(back.draft, line.draft);
});

Deno.test("a verdict names the field, and asking makes nothing", async () => {
  using studio = withImages();
  const verdict = async (more: Record<string, unknown>, unknown = {}) =>
    (await ask(studio, "/api/form/train_network", { draft: { values: { ...values, ...more }, unknown } }))
      .problems;
  const table: readonly [Record<string, unknown>, string, RegExp][] = [
    [{ network_dim: "eight" }, "network_dim", /takes a whole number/],
    [{ mixed_precision: "fp64" }, "mixed_precision", /no, fp16/],
    [{ train_batch_size: "0" }, "train_batch_size", /from 1 to/],
    [{ deepspeed: true }, "deepspeed", /not supported yet/],
    [{ output_dir: "" }, "output_dir", /is missing$/],
    [{ train_data_dir: "nowhere" }, "train_data_dir", /does not exist/],
    [{ vae: "/etc/passwd" }, "vae", /none of the studio's folders/],
    [{ vae: "../x" }, "vae", /none of the studio's folders/],
    [{ learning_rate: "0" }, "learning_rate", /nothing would be trained/],
  ];
  for (const [more, field, message] of table) {
    const problems = await verdict(more);
    assert.deepEqual(
      problems.map(({ fields }: { fields: string[] }) => fields.includes(field)),
      [true],
      JSON.stringify(problems),
    );
    assert.match(problems[0].message, message);
  }
  assert.match(
    (await verdict({}, { netwrok_dim: "8" }))[0].message,
    /netwrok_dim is not a flag of this command; .*network_dim/,
  );
  assert.deepEqual(await verdict({ output_dir: "new/out" }), []);
  assert.deepEqual([...Deno.readDirSync(studio.folder)].map(({ name }) => name), ["images"]);
  const inspect = await ask(studio, "/api/form/inspect", { draft: {} });
  assert.match(inspect.problems[0].message, /is missing/);
  await assert.rejects(
    () => ask(studio, "/api/form/train_network", { draft: { values: { seed: 1 } } }),
    /not what a form sends/,
  );
  await assert.rejects(() => ask(studio, "/api/form/nothing", { draft: {} }), /nothing is not a command/);
});

Deno.test("every preset is right for its command, once a model and pictures are named", async () => {
  using studio = withImages();
  Deno.writeTextFileSync(join(studio.folder, "model.safetensors"), "");
  const here = {
    pretrained_model_name_or_path: "model.safetensors",
    train_data_dir: "images",
    output_dir: "out",
  };
  assert.equal(new Set(FORM_PRESETS.map(({ id }) => id)).size, FORM_PRESETS.length);
  for (const { id, command, values } of FORM_PRESETS) {
    const read = await ask(studio, `/api/form/${command}`, { draft: { values: { ...here, ...values } } });
    assert.deepEqual([id, read.problems, read.draft.unknown, read.notes], [id, [], {}, []]);
  }
});

Deno.test("names are completed below the studio's folders and nowhere else", async () => {
  using studio = withImages();
  for (const name of ["b.safetensors", "a.txt", ".hidden", "images/c.toml"]) {
    Deno.writeTextFileSync(join(studio.folder, name), "");
  }
  const texts = async (typed: string, kind: string) =>
    (await ask(studio, `/api/complete?kind=${kind}&typed=${encodeURIComponent(typed)}`)).map((
      { text }: { text: string },
    ) => text);
  assert.deepEqual(await texts("", "model"), ["builtin:tiny", "images/", "b.safetensors"]);
  assert.deepEqual(await texts("images/C", "toml"), ["images/c.toml"]);
  assert.deepEqual(await texts("", "folder"), ["images/"]);
  assert.deepEqual(await texts(`${studio.folder}/i`, "folder"), [`${studio.folder}/images/`]);
  assert.deepEqual(await texts("nothing/x", "file"), []);
  for (const outside of ["../", "/etc/", "images/../../"]) assert.deepEqual(await texts(outside, "file"), []);
});

Deno.test("a later question for a plan kills the process of the one before", async () => {
  using studio = withImages();
  const script = join(studio.folder, "images", "asked.sh");
  Deno.writeTextFileSync(
    script,
    `echo $$ >> pids; case "$*" in *seed*) echo '{"event":"plan","steps":3}';; *) exec sleep 60;; esac`,
  );
  const asking = { ...studio, launch: ["sh", script] };
  const plan = (more: object) =>
    ask(asking, "/api/plan/train_network", { draft: { values: { ...values, ...more } } });
  const first = plan({});
  while (!await Deno.stat(join(studio.folder, "pids")).catch(() => null)) {
    await new Promise((done) => setTimeout(done, 10));
  }
  const refused = assert.rejects(() => first, /another plan was asked for/);
  assert.deepEqual((await plan({ seed: "1" })).plan, { event: "plan", steps: 3 });
  await refused;
  const wrong = await plan({ network_dim: "x" });
  assert.match(wrong.error, /--network_dim takes a whole number/);
});

Deno.test("an answer of easel plan is its event, its error, or what it last said", () => {
  assert.equal(
    readAnswer('{"event":"error","message":"too large; 512 fits"}\n', "easel plan: x").error,
    "too large; 512 fits",
  );
  assert.equal(readAnswer("", "boom\n").error, "boom");
  assert.deepEqual(readAnswer('{"event":"plan"}\n', "gradient checkpointing is turned on\n").notes, [
    "gradient checkpointing is turned on",
  ]);
});
