/** What is being written outlives a page that is loaded anew; keys and tokens do not. */

import assert from "node:assert/strict";
import { EMPTY } from "../../../src/studio/form/draft.ts";
import type { Form } from "../../../src/studio/form/form.ts";
import { keptByTab } from "../../../src/studio/page/kept.ts";
import { keepUnsaved } from "../../../src/studio/page/views/dataset/unsaved.ts";
import { addSecrets, setWorking } from "../../../src/studio/page/views/new_job/draft.ts";

Deno.test("forms and captions that are being written are there after a reload, without keys and tokens", () => {
  const draft = { text: "a cat", version: "1-2", conflict: null };
  keepUnsaved("/pictures", new Map([["a.png", draft]]));
  const fields = [{ name: "wandb_api_key", secret: true }, { name: "output_name", secret: false }];
  addSecrets({ groups: [{ title: "", fields }] } as unknown as Form);
  const values = { wandb_api_key: "hush", output_name: "cat" };
  setWorking("train_network", { ...EMPTY, values, unknown: { huggingface_token: '"hush"' } });
  try {
    globalThis.dispatchEvent(new Event("pagehide"));
    assert.deepEqual(keptByTab("captions", () => undefined), [["/pictures", [["a.png", draft]]]]);
    const forms = [["train_network", { ...EMPTY, values: { output_name: "cat" } }]];
    assert.deepEqual(keptByTab("forms", () => undefined), { last: "train_network", drafts: forms });
    globalThis.dispatchEvent(new Event("pagehide"));
    assert.equal(keptByTab("captions", () => undefined), undefined, "nothing is left to keep");
  } finally {
    sessionStorage.clear();
  }
});
