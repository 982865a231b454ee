/** What is inside the executable, for machines: CycloneDX 1.5 JSON. */

import config from "../../deno.json" with { type: "json" };
import type { Component } from "../compile/component.ts";

/** `sha256` is the executable's. The same build gives the same text: it names no time and no random number. */
export function sbom(parts: readonly Component[], sha256: string): string {
  const reference = (part: Component) => part.purl;
  const easel = {
    "bom-ref": `easel@${config.version}`,
    type: "application",
    name: "easel",
    version: config.version,
    licenses: [{ license: { id: "MIT" } }],
    hashes: [{ alg: "SHA-256", content: sha256 }],
  };
  const document = {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { component: easel },
    components: parts.map((part) => ({
      "bom-ref": reference(part),
      type: part.kind === "deno" ? "application" : "library",
      name: part.name,
      version: part.version,
      licenses: [licence(part.licence)],
      purl: part.purl,
      ...(part.sha512 ? { hashes: [{ alg: "SHA-512", content: part.sha512 }] } : {}),
      externalReferences: [{ type: "website", url: part.homepage }],
      ...(part.files?.length
        ? { properties: part.files.map((path) => ({ name: "easel:unpacked-file", value: path })) }
        : {}),
    })),
    dependencies: [{ ref: easel["bom-ref"], dependsOn: parts.map(reference) }],
  };
  return JSON.stringify(document, null, 2) + "\n";
}

/** One licence by its SPDX name, or an expression of several. */
function licence(text: string): Record<string, unknown> {
  return / (OR|AND|WITH) /.test(text) ? { expression: text } : { license: { id: text } };
}
