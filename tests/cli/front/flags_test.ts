/** The flag rows against the parsers of sd-scripts 0.9.1 and 0.10.1: names, types, defaults, choices. */

import assert from "node:assert/strict";
import { COMMANDS } from "../../../src/cli/commands/index.ts";
import { camel } from "../../../src/options/group.ts";
import { type Rows, rowsOf, type Value } from "../../../src/options/mod.ts";

interface SpecRow {
  flag: string;
  type: string;
  nargs: string | number | null;
  default: string | number | boolean | null;
  choices: (string | number | null)[] | null;
  in_0_9_1: boolean;
}

const read = (name: string): Record<string, SpecRow[]> =>
  JSON.parse(Deno.readTextFileSync(new URL(`../data/${name}`, import.meta.url)));
const spec = read("flags.json");
/** Of scripts that are close to another: what they have beyond it. */
const more = read("more_flags.json");

const CLOSE = [
  "fine_tune",
  "train_db",
  "sdxl_train",
  "train_textual_inversion",
  "train_textual_inversion_XTI",
  "sdxl_train_textual_inversion",
  "sdxl_train_control_net_lllite",
  "train_controlnet",
  "sdxl_train_control_net",
];

const scripts: Record<string, SpecRow[]> = {
  ...spec,
  sdxl_train_network: [...spec.train_network, ...more.sdxl_train_network],
  resize_lora: [...spec.resize_lora, ...more.resize_lora],
  gen_img: [...spec.gen_img, ...more.gen_img_diffusers], // gen_img_diffusers.py is gen_img here
};

for (const [script, rows] of Object.entries(scripts)) {
  const load = async () => {
    const entry = COMMANDS.find((command) => command.name === script)!;
    return rowsOf((await entry.load()).groups);
  };

  Deno.test(`${script} knows every flag of the script, with its type, default and arity`, async () => {
    const flags = await load();
    for (const row of rows) checkRow(flags, row);
  });

  Deno.test(`${script} has no further flags but those marked as easel's own or of a later sd-scripts`, async () => {
    const known = new Set(rows.map((row) => row.flag.replace(/^--/, "")));
    const extra = Object.entries(await load()).filter(([name, flag]) =>
      !known.has(name) && !["easel", "0.11"].includes(flag.origin)
    );
    assert.deepEqual(extra.map(([name]) => name), []);
  });

  Deno.test(`${script} gives no two flags the same name in camelCase`, async () => {
    const names = Object.keys(await load());
    assert.equal(new Set(names.map(camel)).size, names.length);
  });
}

for (const script of CLOSE) {
  Deno.test(`${script} knows what the script has beyond train_network's flags`, async () => {
    const flags = rowsOf((await COMMANDS.find(({ name }) => name === script)!.load()).groups);
    for (const row of more[script]) checkRow(flags, row);
  });
}

Deno.test("flags that read like paths say what they lead to, so that shells complete them", async () => {
  const reads =
    /(_dir|_file|_path|_config|_weights|_models?|outdir|^ckpt|^vae|^resume|_json|^model|^save_to)$/;
  // a module of Python, a folder on the hub, a switch, numbers
  const others =
    /^(network_module|huggingface_path_in_repo|output_config|log_config|network_merge_n_models|control_net_weights)$/;
  for (const entry of COMMANDS) {
    for (const [name, row] of Object.entries(rowsOf((await entry.load()).groups))) {
      if (row.type === "flag" || !reads.test(name) || others.test(name)) continue;
      assert.ok(row.leadsTo, `${entry.name} --${name}`);
    }
  }
});

function checkRow(flags: Rows, row: SpecRow): void {
  const name = row.flag.replace(/^--/, "");
  const ours = flags[name];
  assert.ok(ours, `--${name} is not known`);
  assert.equal(ours.type, row.type, name);
  assert.deepEqual(ours.nargs, row.nargs, name);
  assert.deepEqual(plain(ours.default), row.default, name);
  assert.equal(ours.origin === "0.9.1", row.in_0_9_1, name);
  const missing = (row.choices ?? []).filter((c) => c !== null && !ours.choices?.includes(c));
  assert.deepEqual(missing, [], `${name} lacks choices`);
  assert.equal(ours.choices === null, row.choices === null, name);
}

/** The reference's number of steps is our { steps }. */
function plain(value: Value): Value {
  return typeof value === "object" && value !== null && "steps" in value ? value.steps : value;
}
