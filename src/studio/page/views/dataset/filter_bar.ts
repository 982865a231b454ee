/** Which pictures of the folder are shown: by their captions, words and tags. */

import { picturesText } from "./pictures_text.ts";
import { useEffect, useState } from "preact/hooks";
import { Button, html } from "../../parts/mod.ts";
import { fill, number, useWords } from "../../words/mod.ts";
import { dataset } from "../../words/dataset.ts";
import { parts } from "../../words/parts.ts";
import type { FolderState } from "./folder_state.ts";
import { valueOf } from "../../value_of.ts";

/** Keys rest so long before the server is asked, in milliseconds. */
const REST = 250;

/** Those that training looks out for (src/data/dataset/folders.ts). */
const ENDINGS = [".txt", ".caption", ".cap", ".captions", ".tags"];

export function FilterBar({ folder }: { folder: FolderState }) {
  const words = useWords(dataset), shared = useWords(parts), { wish, counts, names, chosen } = folder;
  const [search, setSearch] = useState(wish.search);
  useEffect(() => {
    if (search === wish.search) return;
    const timer = setTimeout(() => folder.setWish({ search }), REST);
    return () => clearTimeout(timer);
  }, [search]);
  const captioned = counts ? counts.all - counts.missing - counts.empty : 0;
  const kinds = [
    ...[["all", words.all, counts?.all], ["missing", words.missing, counts?.missing]] as const,
    ...[["empty", words.empty, counts?.empty], ["captioned", words.captioned, captioned]] as const,
    ...[["left_out", words.leftOut, counts?.leftOut], [
      "problems",
      words.problems,
      counts?.problems,
    ]] as const,
  ];
  const { bucket } = wish;
  const filters = [
    ...wish.tags.map((tag) => ({
      text: tag,
      drop: () => folder.setWish({ tags: wish.tags.filter((other) => other !== tag) }),
    })),
    ...wish.without.map((tag) => ({
      text: fill(words.withoutTag, { tag }),
      drop: () => folder.setWish({ without: wish.without.filter((other) => other !== tag) }),
    })),
    ...bucket === "" ? [] : [{ text: bucket.replace("x", "×"), drop: () => folder.setWish({ bucket: "" }) }],
  ];
  return html`
    <div class="dataset-filter">
      <select aria-label=${words.shown} value=${wish.shown} onChange=${(event: Event) =>
        folder.setWish({ shown: valueOf(event) })}>
        ${kinds.map(([kind, title, count]) =>
          html`<option key=${kind} value=${kind}>${title} (${number(count ?? 0)})</option>`
        )}
      </select>
      <select aria-label=${words.captionEnding} title=${words.captionEnding} value=${folder.extension}
        onChange=${(event: Event) => folder.setWish({ extension: valueOf(event) })}>
        ${ENDINGS.map((ending) => html`<option key=${ending} value=${ending}>${ending}</option>`)}
      </select>
      <input type="search" class="dataset-search" aria-label=${words.searchIn} placeholder=${shared
        .search} value=${search}
        onInput=${(event: Event) => setSearch(valueOf(event))} />
      ${filters.map(({ text, drop }) =>
        html`<${Button} key=${text} icon="close" title=${words.dropFilter} onClick=${drop}><bdi>${text}</bdi><//>`
      )}
      <p class="dataset-count" role="status">
        ${chosen.size > 0
          ? fill(words.chosenOf, { n: number(chosen.size), all: number(names.length) })
          : picturesText(names.length, words)}
      </p>
      ${chosen.size > 0
        ? html`<${Button} kind="quiet" onClick=${() => folder.setChosen([])}>${words.chooseNone}<//>`
        : html`<${Button} kind="quiet" disabled=${names.length === 0} onClick=${() =>
          folder.setChosen(names)}>${words.chooseAll}<//>`}
    </div>
  `;
}
