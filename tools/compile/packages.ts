/** npm packages: where Deno keeps them, what the executable carries of them, their licences. */

import { join, sep } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { UNBUNDLED } from "./bundle.ts";
import type { Component } from "./component.ts";
import { cacheFolder } from "./deno_cache.ts";
import type { PayloadFile } from "./payload_file.ts";

const lock: { npm: Record<string, { integrity: string }> } = JSON.parse(
  Deno.readTextFileSync(new URL("../../deno.lock", import.meta.url)),
);

/** What an npm package's folder may hold besides what runs. */
const NEEDLESS = /\.(ts|cts|mts|md|map|mjs|rs)$|(^|\/)bench\/|tsconfig\.json$|LICENSE[^/]*$|\.backup$/i;

/** Packages that only tests use. */
const TESTS_ONLY = ["playwright-core"];

/** Encoders of formats that are only read. */
const UNWRITTEN = /^@jsquash\/(avif|jxl)\/codec\/enc\//;

/** Native code of other systems. */
const foreign = (path: string) =>
  path.endsWith(".node") && !path.endsWith(`/${Deno.build.arch === "x86_64" ? "x64" : "arm64"}-linux.node`);

/** The packages of deno.lock that are in the executable, as "name@version". */
export function lockedPackages(): { key: string; name: string; version: string }[] {
  return Object.keys(lock.npm).sort().map((key) => {
    const at = key.lastIndexOf("@");
    return { key, name: key.slice(0, at), version: key.slice(at + 1).replace(/_.*$/, "") };
  }).filter(({ name }) => !TESTS_ONLY.includes(name));
}

/** The files of the packages that are not bundled, as node_modules/NAME/... */
export function packageFiles(): PayloadFile[] {
  return UNBUNDLED.flatMap((name) => {
    const folder = packageFolder(name, versionOf(name));
    return walk(folder).filter((path) =>
      !NEEDLESS.test(path) && !UNWRITTEN.test(`${name}/${path}`) && !foreign(path)
    ).map((path) => ({
      path: `node_modules/${name}/${path}`,
      source: join(folder, path),
      mode: 0o644,
    }));
  });
}

/** One component for each package, with its licence's text. */
export function packageComponents(): Component[] {
  return lockedPackages().map(({ key, name, version }) => {
    const folder = packageFolder(name, version);
    const manifest = JSON.parse(Deno.readTextFileSync(join(folder, "package.json")));
    if (typeof manifest.license !== "string") throw new Error(`${name} ${version} names no licence`);
    const texts = walk(folder).filter((path) => /(^|\/)LICEN[CS]E[^/]*$/i.test(path) && !/AGPL/.test(path))
      .sort();
    return {
      name,
      version,
      kind: "npm",
      licence: manifest.license.replace(/^\((.*)\)$/, "$1"),
      homepage: manifest.homepage ?? `https://www.npmjs.com/package/${name}`,
      purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
      sha512: base64ToHex(lock.npm[key].integrity.replace("sha512-", "")),
      licenceText: texts.map((path) => Deno.readTextFileSync(join(folder, path)).trim()).join("\n\n") ||
        `The package states its licence (${manifest.license}) in package.json and carries no text of it.`,
    };
  });
}

function versionOf(name: string): string {
  const specifier = (config.imports as Record<string, string>)[name];
  return specifier.slice(specifier.lastIndexOf("@") + 1);
}

/** In Deno's cache, which names folders by registry: any that has the package. */
function packageFolder(name: string, version: string): string {
  const cache = join(cacheFolder(), "npm");
  for (const { name: registry } of Deno.readDirSync(cache)) {
    const folder = join(cache, registry, name, version);
    try {
      if (Deno.statSync(folder).isDirectory) return folder;
    } catch { /* another registry's */ }
  }
  throw new Error(`${name} ${version} is not in ${cache}; run deno install`);
}

/** Relative paths of all files below a folder, sorted. */
export function walk(folder: string): string[] {
  const found: string[] = [];
  const visit = (below: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(join(folder, below))) {
      const path = below ? `${below}/${name}` : name;
      if (isDirectory) visit(path);
      else found.push(path.replaceAll(sep, "/"));
    }
  };
  visit("");
  return found.sort();
}

function base64ToHex(text: string): string {
  return Array.from(atob(text), (c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}
