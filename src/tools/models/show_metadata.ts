/** What a file says of itself, as sd-scripts' tools/show_metadata.py prints it. */

import { openAnyLayout } from "../../models/mod.ts";
import { asciiJson } from "../../text/python_json.ts";

/** json.dumps(metadata, indent=4, sort_keys=True); null for a file without any. */
export function metadataText(path: string): string | null {
  using file = openAnyLayout(path);
  const entries = Object.entries(file.metadata).sort(([a], [b]) => a < b ? -1 : 1);
  if (entries.length === 0) return null;
  const lines = entries.map(([key, value]) => `    ${asciiJson(key)}: ${asciiJson(value)}`);
  return `{\n${lines.join(",\n")}\n}`;
}
