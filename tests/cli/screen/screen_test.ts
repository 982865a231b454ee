/** What comes from outside is seen, not obeyed, by whoever reads the output in a terminal. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { ProgressPrinter } from "../../../src/cli/screen/progress.ts";
import { oneLine, visible } from "../../../src/cli/screen/screen.ts";
import { writeSafetensors } from "../../../src/formats/safetensors.ts";
import { easel, inFolder, ROOT } from "../easel.ts";

// deno-lint-ignore no-control-regex -- what must not reach a screen
const RAW = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

Deno.test("visible() writes out what would not be seen and leaves all other text alone", () => {
  const cases = [
    ["\x1b[2J\x1b]0;title\x07", "\\u001b[2J\\u001b]0;title\\u0007"],
    ["\x9b31mred\x7f", "\\u009b31mred\\u007f"],
    ["100 %\rdone", "100 %\\rdone"],
    ["cat\u202egnp.exe\u2066", "cat\\u202egnp.exe\\u2066"],
    ["half \ud83d of a pair", "half \\ud83d of a pair"],
    ["\ttab, naïve 猫 👩‍🎨 שלום\n", "\ttab, naïve 猫 👩‍🎨 שלום\n"],
  ];
  for (const [text, shown] of cases) assert.equal(visible(text), shown);
  assert.equal(oneLine("a\nb\r\nc\td\n"), "a\\nb\\r\\nc\\td");
  assert.match(oneLine(`begin${"x".repeat(1e6)}end`), /^beginx{2995} \[\.\.\.\] x{997}end$/);
});

Deno.test("visible() leaves JSON the same JSON", () => {
  const value = { "k\x9b": "\x1b[31m\x7f\u202e\u2028\ud800 and \n", list: ["\u0085"] };
  for (const text of [JSON.stringify(value), JSON.stringify(value, null, 1)]) {
    assert.doesNotMatch(visible(text), RAW);
    assert.deepEqual(JSON.parse(visible(text)), value);
  }
});

Deno.test("a progress bar moves the cursor, the names in it do not", () => {
  let written = "";
  const printer = new ProgressPrinter({
    ...{ live: false, colour: false, columns: 80, now: () => 0 },
    write: (text) => written += text,
  });
  printer.update({ task: "training", step: 1, total: 1, note: "evil\x1b[2J\n.png" });
  printer.line("warning: evil\x1b[2J\n.png: left out");
  assert.equal(
    written,
    "training 1/1, evil\\u001b[2J\\n.png\nwarning: evil\\u001b[2J\\n.png: left out\n",
  );
});

Deno.test("metadata, names and errors reach the screen as text; --json stays JSON", async () => {
  await inFolder(async (folder) => {
    const evil = "a\x1b[31m\n\u202eb\x9bc";
    const path = join(folder, `${evil}.safetensors`);
    writeSafetensors(path, [{ name: `t${evil}`, dtype: "U8", shape: [1], data: new Uint8Array(1) }], {
      [`k${evil}`]: evil,
    });
    const shown = await easel(["inspect", path]);
    assert.equal(shown.code, 0, shown.stderr);
    assert.doesNotMatch(shown.stdout, RAW);
    assert.ok(shown.stdout.includes("ka\\u001b[31m\\n\\u202eb\\u009bc: a\\u001b[31m\\n"), shown.stdout);
    const json = await easel(["inspect", "--json", path]);
    assert.doesNotMatch(json.stdout, RAW);
    assert.deepEqual(JSON.parse(json.stdout).metadata, { [`k${evil}`]: evil });
    const failed = await easel(["inspect", join(folder, `${evil}.none`)]);
    assert.doesNotMatch(failed.stderr, RAW);
    assert.equal(failed.stderr.split("\n").length, 2, failed.stderr);
    assert.ok(failed.stderr.includes("a\\u001b[31m\\n\\u202eb\\u009bc.none: does not exist"), failed.stderr);
  });
});

Deno.test("src/cli/screen/output.ts is the one mouth of the program", async () => {
  const talkers: string[] = [];
  const walk = async (folder: string) => {
    for await (const entry of Deno.readDir(join(ROOT, folder))) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) await walk(path);
      else if (
        /Deno\.std(out|err)\.write|writeAllSync\(Deno\.std|console\.\w+\(/.test(
          await Deno.readTextFile(join(ROOT, path)),
        )
      ) {
        talkers.push(path);
      }
    }
  };
  await walk("src");
  // the others are programs of their own, for developers
  assert.deepEqual(
    talkers.filter((path) => !/^src\/(graph\/header|tools\/.*\/main)\.ts$/.test(path)),
    [
      "src/cli/screen/output.ts",
    ],
  );
});
