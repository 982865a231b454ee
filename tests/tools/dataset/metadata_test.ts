/** What the golden cases leave open: where easel does not end as sd-scripts does, and interruption. */

import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { Interrupted } from "../../../src/base/errors.ts";
import { quietContext } from "../../../src/base/job.ts";
import { cleanCaptionsAndTags } from "../../../src/tools/dataset/texts/clean_captions_and_tags.ts";
import {
  mergeToMetadata,
  type MergeToMetadataConfig,
} from "../../../src/tools/dataset/texts/merge_to_metadata.ts";
import { listening } from "../../training/tiny_run.ts";

function folder(
  files: Record<string, string>,
): { at: (name: string) => string; config: MergeToMetadataConfig } {
  const dir = Deno.makeTempDirSync({ prefix: "easel-metadata-" }), at = (name: string) => join(dir, name);
  Deno.mkdirSync(at("d"));
  for (const [name, text] of Object.entries(files)) Deno.writeTextFileSync(at(name), text);
  return {
    at,
    config: {
      ...{ trainDataDir: at("d"), outJson: at("out.json"), inJson: null, captionExtension: ".caption" },
      ...{ field: "caption", fullPath: false, recursive: false, debug: false, compat: null },
    },
  };
}

Deno.test("a folder that does not exist is refused, and empty for --compat 0.9.1", async () => {
  const { at, config } = folder({});
  const missing = { ...config, trainDataDir: at("none") };
  await rejects(mergeToMetadata(missing, quietContext()), /none: no such folder/);
  await mergeToMetadata({ ...missing, compat: "0.9.1" }, quietContext());
  strictEqual(Deno.readTextFileSync(at("out.json")), "{}");
});

Deno.test("mergeToMetadata() that is interrupted or refused leaves the metadata as it was", async () => {
  const { at, config } = folder({ "d/a.png": "", "d/b.png": "", "d/a.caption": "a", "out.json": '{"a": 1}' });
  const stopped = AbortSignal.abort(new Interrupted("interrupted"));
  await rejects(mergeToMetadata(config, quietContext(stopped)), Interrupted);
  await rejects(mergeToMetadata(config, quietContext()), /"a" is no object with caption and tags/);
  Deno.writeTextFileSync(at("out.json"), "{}");
  await rejects(mergeToMetadata(config, quietContext()), /b\.caption: .*write one, or move .*b\.png away/);
  strictEqual(Deno.readTextFileSync(at("out.json")), "{}");
});

Deno.test("metadata takes the place of no picture and no folder, which is told before any work", async () => {
  const { at, config } = folder({ "d/a.png": "a picture", "d/a.caption": "a", "in.json": "{}" });
  for (const [name, said] of [["d/a.png", /is a picture's name/], ["d", /d: is a folder/]] as const) {
    const out = { inJson: at("in.json"), outJson: at(name) }, heard = listening();
    await rejects(mergeToMetadata({ ...config, ...out }, heard), said);
    await rejects(cleanCaptionsAndTags({ ...out, debug: false, compat: null }, heard), said);
    deepStrictEqual(heard.lines, []);
  }
  strictEqual(Deno.readTextFileSync(at("d/a.png")), "a picture");
});

Deno.test("byte order marks are no part of captions and metadata; with --compat 0.9.1 they are of captions", async () => {
  const marked = { "d/a.png": "", "d/a.caption": "\ufeffa cat\r\n", "out.json": '\ufeff{"b": {}}' };
  const utf16 = new Uint8Array(Uint16Array.from("\ufeffein Bär", (c) => c.charCodeAt(0)).buffer);
  for (const [compat, caption] of [[null, "a cat"], ["0.9.1", "\ufeffa cat"]] as const) {
    const { at, config } = folder(marked);
    await mergeToMetadata({ ...config, compat }, quietContext());
    deepStrictEqual(JSON.parse(Deno.readTextFileSync(at("out.json"))), { b: {}, a: { caption } });
    Deno.writeFileSync(at("d/a.caption"), utf16);
    const merged = mergeToMetadata({ ...config, compat }, quietContext());
    if (compat) await rejects(merged, /a\.caption: is not UTF-8 text/);
    else await merged;
  }
});

Deno.test("tags of which nothing is left become empty with a warning", async () => {
  const { at } = folder({ "in.json": '{"a": {"tags": "girls eyes, boys eyes", "caption": "a"}}' });
  const context = listening();
  const config = { inJson: at("in.json"), outJson: at("out.json"), debug: false, compat: null };
  await cleanCaptionsAndTags(config, context);
  deepStrictEqual(JSON.parse(Deno.readTextFileSync(at("out.json"))), { a: { tags: "", caption: "a" } });
  match(context.lines.join("\n"), /"a": nothing is left of its tags, which were girls eyes, boys eyes/);
});
