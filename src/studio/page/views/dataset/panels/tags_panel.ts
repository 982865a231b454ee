/** Tags of what is chosen, how often each stands there, and what is done to them in one step. */

import { useEffect, useState } from "preact/hooks";
import {
  Button,
  Dialog,
  ErrorLine,
  Field,
  type FieldTies,
  html,
  ProgressBar,
  tell,
} from "../../../parts/mod.ts";
import { post } from "../../../server.ts";
import { fill, number, useWords } from "../../../words/mod.ts";
import { dataset } from "../../../words/dataset.ts";
import { parts } from "../../../words/parts.ts";
import type { FolderState } from "../folder_state.ts";
import { TextPairs } from "./text_pairs.ts";
import type { TagCount } from "../told.ts";
import { valueOf } from "../../../value_of.ts";

const KINDS = ["add_end", "add_front", "remove", "replace", "front"] as const;
type Kind = typeof KINDS[number];

/** Tags that are shown at once; others are found by searching. */
const MOST_SHOWN = 200;

interface Preview {
  readonly count: number;
  readonly first: readonly {
    readonly file: string;
    readonly before: string | null;
    readonly after: string | null;
  }[];
  readonly problems: readonly string[];
}

export function TagsPanel({ folder, onUndo }: { folder: FolderState; onUndo: () => void }) {
  const words = useWords(dataset), shared = useWords(parts);
  const [kind, setKind] = useState<Kind>("add_end"),
    [tags, setTags] = useState(""),
    [by, setBy] = useState("");
  const [preview, setPreview] = useState<Preview | null>(null),
    [error, setError] = useState<string | null>(null);
  const { targets } = folder;
  const edit = {
    names: targets,
    kind: kind.startsWith("add") ? "add" : kind,
    tags: [tags],
    ...kind === "replace" && { by: [by] },
    ...kind.startsWith("add") && { at: kind === "add_front" ? "front" : "end" },
  };
  const look = async (event: Event) => {
    event.preventDefault();
    setError(null);
    try {
      const { path, extension } = folder;
      setPreview(
        await post<Preview>("/api/dataset/tags", { folder: path, extension, ...edit, preview: true }),
      );
    } catch (failed) {
      setError((failed as Error).message);
    }
  };
  const apply = async () => {
    const moved = await folder.change("tags", edit);
    setPreview(null);
    if (!moved) return;
    tell({
      kind: "done",
      text: fill(words.captionsChanged, { n: number(moved.changed) }),
      action: { text: shared.undo, run: onUndo },
    });
  };
  return html`
    <form class="stack" onSubmit=${look}>
      <p class="hint">${fill(folder.chosen.size > 0 ? words.onChosen : words.onShown, {
        n: number(targets.length),
      })}</p>
      <div class="row">
        <select aria-label=${words.tagDeed} value=${kind} onChange=${(event: Event) =>
          setKind(valueOf(event) as Kind)}>
          ${KINDS.map((name) => html`<option key=${name} value=${name}>${words[name]}</option>`)}
        </select>
      </div>
      <${Field} label=${words.tags} hint=${words.tagsHint}>
        ${(ties: FieldTies) =>
          html`<input ...${ties} type="text" dir="auto" value=${tags} onInput=${(event: Event) =>
            setTags(valueOf(event))} />`}
      <//>
      ${kind === "replace" && html`<${Field} label=${words.replaceBy}>
        ${(ties: FieldTies) =>
        html`<input ...${ties} type="text" dir="auto" value=${by} onInput=${(event: Event) =>
          setBy(valueOf(event))} />`}
      <//>`}
      <${ErrorLine} text=${error} />
      <div class="row">
        <${Button} kind="primary" type="submit" disabled=${tags.trim() === "" || targets.length === 0}>${words
          .lookFirst}<//>
      </div>
    </form>
    <${TagList} folder=${folder} onTag=${(tag: string) => setTags(tag)} />
    <${Dialog} title=${words[kind]} wide open=${preview !== null} onClose=${() => setPreview(null)}
      actions=${html`
        <${Button} onClick=${() => setPreview(null)}>${shared.cancel}<//>
        <${Button} kind="primary" busy=${folder.busy !== null} disabled=${preview?.count ===
          0} onClick=${apply}>${words.apply}<//>
      `}>
      ${preview && html`
        <div class="stack">
          <p>${fill(words.willChange, { n: number(preview.count) })}</p>
          <${TextPairs} pairs=${preview.first} />
          ${preview.problems.map((line) => html`<p class="error" key=${line}>${line}</p>`)}
          ${folder.busy !== null && html`<${ProgressBar} label=${words.apply} value=${folder.busy} />`}
        </div>
      `}
    <//>
  `;
}

function TagList({ folder, onTag }: { folder: FolderState; onTag: (tag: string) => void }) {
  const words = useWords(dataset), [told, setTold] = useState<readonly TagCount[]>([]);
  const [error, setError] = useState<string | null>(null), [search, setSearch] = useState("");
  const { path, extension, targets, wish, steps } = folder;
  useEffect(() => {
    if (extension === "") return;
    let stale = false;
    post<{ tags: TagCount[] }>("/api/dataset/tag_counts", { folder: path, extension, names: targets }).then(
      ({ tags }) => stale || (setTold(tags), setError(null)),
      (failed) => stale || setError(failed.message),
    );
    return () => void (stale = true);
  }, [path, extension, targets, steps]);
  const found = told.filter(({ tag }) => tag.toLowerCase().includes(search.toLowerCase()));
  return html`
    <section class="tag-list stack" aria-label=${words.tagCounts}>
      <input type="search" aria-label=${words.searchTags} placeholder=${words.searchTags} value=${search}
        onInput=${(event: Event) => setSearch(valueOf(event))} />
      <${ErrorLine} text=${error} />
      <p class="hint">${fill(words.tagsFound, { n: number(found.length) })}</p>
      <ul>
        ${found.slice(0, MOST_SHOWN).map(({ tag, count }) =>
          html`
            <li key=${tag}>
              <button type="button" class="tag" title=${tag} onClick=${() =>
                onTag(tag)}><bdi>${tag}</bdi></button>
              <span class="numeric">${number(count)}</span>
              <${Button} kind="quiet" icon="search" label=${fill(words.onlyTag, { tag })} onClick=${() =>
                folder.setWish({ tags: [...new Set([...wish.tags, tag])] })} />
              <${Button} kind="quiet" icon="close" label=${fill(words.withoutTag, { tag })} onClick=${() =>
                folder.setWish({ without: [...new Set([...wish.without, tag])] })} />
            </li>
          `
        )}
      </ul>
    </section>
  `;
}
