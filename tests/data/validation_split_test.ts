/** validation_split and validation_seed of a dataset file: each dataset has its own, or [general]'s, or the flags'. */

import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { createDatasetGroup, createValidationGroup } from "../../src/data/mod.ts";
import { PythonRandom } from "../../src/random/mod.ts";
import { plansOf, withFolder, writePictures } from "./fixture.ts";

const names = (group: Awaited<ReturnType<typeof createValidationGroup>>) =>
  group!.datasets.map(({ entries }) => entries.map(({ path }) => basename(path, ".png")));

Deno.test("datasets hold out shares of their own; one that is held out as a whole is only validated with", () =>
  withFolder(async (dir) => {
    const toml = (general: string, ...datasets: string[]) => {
      const file = join(dir, "c.toml"), head = general && `[general]\n${general}\n`;
      const tables = datasets.map((keys, i) => {
        const folder = join(dir, `f${i}`);
        writePictures(folder, ["a", "b", "c", "d"].map((name) => ({ name: `${name}${i}`, caption: "x" })));
        return `[[datasets]]\nresolution = 64\n${keys}\n[[datasets.subsets]]\nimage_dir = '${folder}'\n` +
          "caption_extension = '.txt'\nnum_repeats = 3\n";
      });
      Deno.writeTextFileSync(file, head + tables.join(""));
      return file;
    };
    const parts = async (dataset_config: string, flags: Record<string, unknown> = {}) => {
      const plans = plansOf({ dataset_config, ...flags }), at = { compat: false, seed: 7 };
      const split = { part: "training", seed: 7 } as const;
      const trained = names(await createDatasetGroup(plans, new PythonRandom(1), { ...at, split }));
      const held = await createValidationGroup(plans, at);
      assert.deepEqual(
        (held?.orders ?? []).map(({ length }) => length),
        (held ? names(held) : []).map((all) => all.length),
      );
      return [trained, held && names(held)] as const;
    };
    const sizes = ([trained, held]: Awaited<ReturnType<typeof parts>>) =>
      [trained, held ?? []].map((part) => part.map(({ length }) => length));
    const none = toml("", "", "");
    assert.deepEqual(sizes(await parts(none)), [[4, 4], []]);
    assert.deepEqual(sizes(await parts(none, { validation_split: 0.25 })), [[3, 3], [1, 1]]);
    const own = toml("validation_split = 0.5", "", "validation_split = 0.0", "validation_split = 1.0");
    assert.deepEqual(sizes(await parts(own, { validation_split: 0.25 })), [[2, 4], [2, 4]]);
    const seeded = (seed: number) => toml("validation_split = 0.5", `validation_seed = ${seed}`);
    const [first] = await parts(seeded(1)), others = [];
    assert.deepEqual((await parts(seeded(1), { validation_seed: 3 }))[0], first);
    for (const seed of [2, 3, 4, 5]) others.push((await parts(seeded(seed)))[0]);
    assert.ok(others.some((other) => other.join() !== first.join()));
    await assert.rejects(
      parts(toml("", "validation_split = 1.5")),
      /validation_split is 1\.5; from 0 to 1 is wanted/,
    );
    await assert.rejects(
      parts(toml("", "validation_split = 1.0")),
      /f0: no image to train on \(\S*f0: validation_split 1 holds out all of its images\)/,
    );
    await assert.rejects(
      parts(toml("", "validation_split = 0.1")),
      /--validation_split 0\.1: holds out no picture/,
    );
  }));
