/** All words of the page stand in tables, in each language. */

import assert from "node:assert/strict";
import { fill, preferred, spoken } from "../../../src/studio/page/words/mod.ts";
import { sources, textOf } from "../../sources.ts";

const FOLDER = "src/studio/page/words";
const TABLES = sources(FOLDER).filter((path) => !path.endsWith("/mod.ts"));

const blanks = (text: string) => [...new Set(text.match(/\{\w+\}/g))].sort();

Deno.test("every row has its text in English, Korean and Japanese, with the same blanks", async () => {
  for (const path of TABLES) {
    for (const [table, rows] of Object.entries(await import(`../../../${path}`))) {
      for (const [name, row] of Object.entries(rows as Record<string, unknown>)) {
        const what = `${path}: ${table}.${name}`;
        assert(Array.isArray(row) && row.length === 3, what);
        for (const text of row) {
          assert(typeof text === "string" && text.trim() === text && text !== "", what);
          assert.deepEqual(blanks(text), blanks(row[0]), what);
        }
      }
    }
  }
});

/** Names and marks that are the same in every language. */
const NO_WORDS =
  /^(easel studio|TOML|JSON|PNG|LoRA|SHA-256|X|Y|XY|px|CFG|CPU|GPU|MB|GB|KB|Ctrl|Shift|Esc|Enter)$/;

/** The text of `path`'s templates that stands between tags, or in an attribute that is read or heard. */
function bareTexts(path: string): string[] {
  const found: string[] = [];
  for (const template of templates(textOf(path))) {
    const text = template.replace(/<!--[\s\S]*?-->/g, "");
    const shown = text.replace(/<[^<>]*>/g, "\n").replaceAll("\0", "\n").split("\n");
    const read = [...text.matchAll(/\b(?:title|label|alt|placeholder|aria-label|hint|caption)="([^"\0]*)"/g)]
      .map(([, value]) => value);
    for (const piece of [...shown, ...read]) {
      const words = piece.trim();
      if (/\p{L}{2}/u.test(words) && !NO_WORDS.test(words)) found.push(`${path}: ${words}`);
    }
  }
  return found;
}

/** Each html`…` of a source, with \0 where a value is put in; those inside values too. */
function templates(source: string): string[] {
  const found: string[] = [];
  const read = (from: number): number => {
    let text = "", at = from;
    while (at < source.length && source[at] !== "`") {
      if (source[at] === "\\") at += 2;
      else if (source.startsWith("${", at)) {
        at = value(at + 2);
        text += "\0";
      } else text += source[at++];
    }
    found.push(text);
    return at + 1;
  };
  const other = (from: number): number => { // a template that is no html, a text in quotes
    let at = from;
    while (at < source.length && source[at] !== "`") {
      at = source[at] === "\\" ? at + 2 : source.startsWith("${", at) ? value(at + 2) : at + 1;
    }
    return at + 1;
  };
  const value = (from: number): number => {
    let at = from;
    for (let depth = 1; at < source.length;) {
      if (source.startsWith("html`", at)) at = read(at + 5);
      else if (source[at] === "`") at = other(at + 1);
      else if (source[at] === '"') at += /^"(?:[^"\\]|\\.)*"/.exec(source.slice(at))?.[0].length ?? 1;
      else {
        depth += source[at] === "{" ? 1 : source[at] === "}" ? -1 : 0;
        at++;
        if (depth === 0) return at;
      }
    }
    return at;
  };
  for (let at = source.indexOf("html`"); at >= 0; at = source.indexOf("html`", at)) at = read(at + 5);
  return found;
}

Deno.test("views say nothing that is not in a table of words", () => {
  const pages = sources("src/studio/page").filter((path) =>
    !path.startsWith(FOLDER) && !path.endsWith("/html.ts")
  );
  assert.deepEqual(pages.flatMap(bareTexts), []);
});

Deno.test("what looks for bare text finds it", () => {
  const source = 'const a = html`<p title="Hello" class="b">${x ? html`<b>there</b>` : ""} ${y}</p>`;';
  assert.deepEqual(templates(source), ["<b>there</b>", '<p title="Hello" class="b">\0 \0</p>']);
});

Deno.test("the first of the browser's languages that there is, else English; blanks are filled", () => {
  assert.deepEqual([["ko-KR", "en"], ["de", "ja"], ["fr"], []].map(preferred), ["ko", "ja", "en", "en"]);
  assert.deepEqual(spoken({ a: ["x", "y", "z"] }, "ja"), { a: "z" });
  assert.equal(fill("{n} of {n} {other}", { n: 2 }), "2 of 2 {other}");
});
