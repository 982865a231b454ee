/** The page's colours against WCAG 2.2: text 4.5 : 1 (AA), what is no text but must be seen 3 : 1. */

import assert from "node:assert/strict";
import { textOf } from "../../sources.ts";

const TOKENS = textOf("src/studio/page/style/tokens.css");

/** Each colour as [light, dark]. */
const COLORS = new Map(
  [...TOKENS.matchAll(/--([\w-]+): light-dark\((#[\da-f]{6}), (#[\da-f]{6})\)/g)].map((
    [, name, light, dark],
  ) => [name, [light, dark]]),
);

/** Relative luminance, as WCAG defines it. */
function luminance(color: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

const GROUNDS = ["page", "surface", "raised"];

/** What is written on what. */
const TEXTS: readonly (readonly [string, readonly string[]])[] = [
  ["text", [...GROUNDS, "accent-soft", "good-soft", "warn-soft", "bad-soft"]],
  ["muted", GROUNDS],
  ["accent", ["page", "surface", "raised"]],
  ["accent-strong", ["surface", "accent-soft"]],
  ["on-accent", ["accent", "accent-strong"]],
  ...["good", "warn", "bad"].map((name) => [name, ["page", "surface", `${name}-soft`]] as const),
];

const SEEN: readonly (readonly [string, readonly string[]])[] = [
  ["edge", ["page", "surface"]],
  ...Array.from({ length: 8 }, (_, i) => [`series-${i + 1}`, ["page", "surface"]] as const),
];

Deno.test("text and marks of the page stand out from what they are on, in both schemes", () => {
  const poor: string[] = [];
  for (const [pairs, least] of [[TEXTS, 4.5], [SEEN, 3]] as const) {
    for (const [name, grounds] of pairs) {
      for (const ground of grounds) {
        for (const scheme of [0, 1]) {
          const ratio = contrast(COLORS.get(name)![scheme], COLORS.get(ground)![scheme]);
          if (ratio < least) {
            poor.push(`${name} on ${ground}, ${["light", "dark"][scheme]}: ${ratio.toFixed(2)}`);
          }
        }
      }
    }
  }
  assert.deepEqual(poor, []);
});

Deno.test("colours stand in the tokens and nowhere else", () => {
  const folder = new URL("../../../src/studio/page/style/", import.meta.url);
  const others = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
    name !== "tokens.css"
  );
  const found = others.flatMap((name) =>
    [
      ...Deno.readTextFileSync(new URL(name, folder)).matchAll(
        /#[\da-f]{3,8}\b(?=[^{}]*;)|\b(?:rgb|hsl|oklch)a?\(/gi,
      ),
    ]
      .map(([color]) => `${name}: ${color}`)
  );
  assert.deepEqual(found, []);
});
