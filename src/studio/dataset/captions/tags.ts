/** Captions as tags between commas: what is done to many at once, line by line. */

import { strip } from "../../../data/batches/captions.ts";
import type { TagCount } from "../shown.ts";

/** What becomes of the tags of a selection. */
export type TagEdit =
  | { readonly kind: "add"; readonly tags: readonly string[]; readonly at: "front" | "end" }
  | { readonly kind: "remove" | "front"; readonly tags: readonly string[] }
  | { readonly kind: "replace"; readonly tags: readonly string[]; readonly by: readonly string[] };

export function tagsOf(line: string): string[] {
  return line.split(",").map(strip).filter((tag) => tag !== "");
}

/** A caption after the edit; the very same text where its tags stay as they are. Lines of wildcards are edited each. */
export function editTags(caption: string, edit: TagEdit): string {
  if (caption === "") return edited([], edit).join(", ");
  return caption.split("\n").map((line) => {
    if (strip(line) === "") return line;
    const before = tagsOf(line), after = edited(before, edit);
    return after.length === before.length && after.every((tag, i) => tag === before[i])
      ? line
      : after.join(", ");
  }).join("\n");
}

function edited(tags: readonly string[], edit: TagEdit): string[] {
  const named = new Set(edit.tags), rest = tags.filter((tag) => !named.has(tag));
  switch (edit.kind) {
    case "add": {
      const lacking = edit.tags.filter((tag) => !tags.includes(tag));
      return edit.at === "front" ? [...lacking, ...tags] : [...tags, ...lacking];
    }
    case "remove":
      return rest;
    case "front":
      return [...edit.tags.filter((tag) => tags.includes(tag)), ...rest];
    case "replace": {
      const first = tags.findIndex((tag) => named.has(tag));
      if (first < 0) return [...tags];
      const put = [...tags.slice(0, first), ...edit.by, ...tags.slice(first)].filter((tag) =>
        !named.has(tag) || edit.by.includes(tag)
      );
      return [...new Set(put)];
    }
  }
}

/** In how many of the captions each tag stands, the most frequent first. */
export function tagCounts(captions: Iterable<string>): TagCount[] {
  const counts = new Map<string, number>();
  for (const caption of captions) {
    for (const tag of new Set(caption.split("\n").flatMap(tagsOf))) {
      counts.set(tag, (counts.get(tag) ?? 0) + 1);
    }
  }
  return [...counts].map(([tag, count]) => ({ tag, count }))
    .sort((a, b) => b.count - a.count || (a.tag < b.tag ? -1 : 1));
}
