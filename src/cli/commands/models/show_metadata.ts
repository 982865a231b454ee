/** easel show_metadata: sd-scripts' tools/show_metadata.py. */

import { checkpoint } from "../../../options/paths.ts";
import { showMetadataOptions } from "../../../tools/models/options.ts";
import { command } from "../../command.ts";
import { print } from "../../screen/output.ts";

export const showMetadata = command({
  groups: [showMetadataOptions],
  about: "Prints the metadata of a model or LoRA as JSON. easel inspect shows what else is in the file.",
  examples: ["easel show_metadata --model out/cat.safetensors"],
  check: ({ values }) => checkpoint("model", values.model),
  async run({ values }, context) {
    const { metadataText } = await import("../../../tools/models/show_metadata.ts");
    const text = metadataText(values.model);
    if (text === null) context.warn(`${values.model}: has no metadata`);
    else print(text);
  },
});
