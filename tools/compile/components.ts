/** Everything of others' inside the executable, and the text that names it all with its licences. */

import { join } from "node:path";
import type { Component } from "./component.ts";
import { debianComponents } from "./debian.ts";
import { packageComponents } from "./packages.ts";

/** `libraries` maps the unpacked path of a system's library to where it comes from. */
export async function components(libraries: ReadonlyMap<string, string>): Promise<Component[]> {
  return [deno(), ...packageComponents(), ...await debianComponents(libraries)];
}

function deno(): Component {
  const version = Deno.version.deno;
  return {
    name: "deno",
    version,
    kind: "deno",
    licence: "MIT",
    homepage: "https://deno.com",
    purl: `pkg:github/denoland/deno@v${version}`,
    files: ["deno"],
    licenceText: Deno.readTextFileSync(new URL("./deno_licence.txt", import.meta.url)).trim(),
  };
}

/** easel's licence, then one chapter for each component. */
export function licencesText(root: string, parts: readonly Component[]): string {
  const easel = `easel\n\n${Deno.readTextFileSync(join(root, "LICENSE")).trim()}`;
  const chapters = parts.map(({ name, version, licence, homepage, licenceText }) =>
    [`${name} ${version}`, licence, homepage].filter(Boolean).join("\n") + `\n\n${licenceText}`
  );
  return [easel, ...chapters].join(`\n\n${"-".repeat(80)}\n\n`) + "\n";
}
