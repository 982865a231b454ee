/** The picture that is looked at, large, and its caption to be edited. */

import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, ErrorLine, Field, type FieldTies, html, Name, tellError } from "../../../parts/mod.ts";
import { fill, number, useWords } from "../../../words/mod.ts";
import { dataset } from "../../../words/dataset.ts";
import { parts } from "../../../words/parts.ts";
import type { FolderState } from "../folder_state.ts";
import type { Draft } from "../unsaved.ts";
import { ShownPicture } from "../shown_picture.ts";
import type { PictureItem } from "../told.ts";
import { useWidth } from "../use_width.ts";
import { valueOf } from "../../../value_of.ts";

interface CaptionPanelProps {
  folder: FolderState;
  input: RefObject<HTMLTextAreaElement>;
}

/** Pixels; less where it is narrow, so that the caption is in sight. */
const MOST_HEIGHT = 300, SHARE = 0.7;

export function CaptionPanel({ folder, input }: CaptionPanelProps) {
  const words = useWords(dataset), [box, width] = useWidth<HTMLDivElement>(320);
  const height = Math.min(MOST_HEIGHT, Math.round(width * SHARE)), goesOn = useRef(false);
  const name = folder.current, item = name === null ? undefined : folder.items.get(name);
  const at = name === null ? -1 : folder.names.indexOf(name);
  const step = (by: number) => folder.setCurrent(folder.names[at + by] ?? name);
  if (name === null) return html`<p class="muted">${words.nothingChosen}</p>`;
  return html`
    <div class="stack" ref=${box}>
      <div class="large-picture" style=${{ height: `${height}px` }}>
        ${item && html`
          <${ShownPicture} folder=${folder} item=${item} what="picture" width=${width}
            height=${height} alt=${name} />
        `}
      </div>
      <div class="row">
        <${Button} icon="left" label=${words.before} disabled=${at <= 0} onClick=${() => step(-1)} />
        <span class="muted">${number(at + 1)} / ${number(folder.names.length)}</span>
        <${Button} icon="right" label=${words.next} disabled=${at >= folder.names.length - 1} onClick=${() =>
          step(1)} />
        ${item && html`<${LeaveOut} folder=${folder} item=${item} />`}
      </div>
      <div><${Name} text=${name} />${item && html`<p class="hint">${factsOf(item, words)}</p>`}</div>
      <${ErrorLine} text=${item?.problem} />
      ${item &&
        html`
          <${Editor} key=${name} folder=${folder} item=${item} input=${input} goesOn=${goesOn}
            onNext=${() => step(1)} />
        `}
    </div>
  `;
}

function factsOf(
  { width, height, bytes, placed }: PictureItem,
  words: { readonly goesTo: string; readonly enlarged: string },
): string {
  return [
    width === null ? null : `${width}×${height}`,
    `${number(bytes / 1024)} kB`,
    placed && fill(words.goesTo, { bucket: placed.bucket.join("×"), resized: placed.resized.join("×") }),
    placed?.enlarged && words.enlarged,
  ].filter(Boolean).join(" · ");
}

function LeaveOut({ folder, item: { name, leftOut } }: { folder: FolderState; item: PictureItem }) {
  const words = useWords(dataset);
  return html`
    <${Button} pressed=${leftOut} onClick=${() => folder.leaveOut([name], !leftOut)}>${words.leaveOut}<//>
  `;
}

interface EditorProps {
  folder: FolderState;
  item: PictureItem;
  input: RefObject<HTMLTextAreaElement>;
  /** Set when the next caption shall have the focus, once its text is there. */
  goesOn: RefObject<boolean>;
  onNext: () => void;
}

function Editor({ folder, item, input, goesOn, onNext }: EditorProps) {
  const words = useWords(dataset), shared = useWords(parts);
  const [error, setError] = useState<string | null>(null), [saving, setSaving] = useState(false);
  const { name } = item, draft = folder.drafts.get(name), text = draft?.text ?? item.text ?? "";
  useEffect(() => {
    if (goesOn.current) input.current?.focus();
    goesOn.current = false;
  }, []);
  const edit = (value: string) => {
    const same = value === (item.text ?? "") && !draft?.conflict;
    folder.setDraft(name, same ? null : { conflict: null, version: item.version, ...draft, text: value });
  };
  const save = async (next: boolean) => {
    setSaving(true);
    setError(null);
    try {
      if (!await folder.save(name) || !next) return;
      goesOn.current = true;
      onNext();
    } catch (failed) {
      setError((failed as Error).message);
    } finally {
      setSaving(false);
    }
  };
  const key = (event: KeyboardEvent) => {
    const command = event.ctrlKey || event.metaKey;
    if (event.key === "Escape") (document.querySelector(".grid") as HTMLElement | null)?.focus();
    else if (command && event.key === "Enter") save(true);
    else if (command && event.key.toLowerCase() === "s") save(false);
    else return;
    event.preventDefault();
  };
  const unreadable = item.text === null && item.version !== "none";
  return html`
    <${Field} label=${words.caption} hint=${text.includes("\n")
      ? words.firstLine
      : words.editorKeys} error=${error}>
      ${(ties: FieldTies) =>
        html`
          <textarea ...${ties} ref=${input} class="caption-input" rows="6" dir="auto" spellcheck=${false}
            disabled=${unreadable} value=${text} onKeyDown=${key}
            onInput=${(event: Event) => edit(valueOf(event))} />
        `}
    <//>
    ${draft?.conflict && html`<${Conflict} folder=${folder} name=${name} draft=${draft} />`}
    <div class="row">
      <${Button} kind="primary" icon="save" busy=${saving} disabled=${!draft} onClick=${() =>
        save(false)}>${shared.save}<//>
      <${Button} busy=${saving} disabled=${!draft} onClick=${() => save(true)}>${words.saveNext}<//>
      ${draft &&
        html`<${Button} kind="quiet" onClick=${() => folder.setDraft(name, null)}>${words.discard}<//>`}
    </div>
  `;
}

/** Somebody else changed the caption: both texts, and which of them shall stand. */
function Conflict({ folder, name, draft }: { folder: FolderState; name: string; draft: Draft }) {
  const words = useWords(dataset), { theirs, version } = draft.conflict!;
  const keep = () => folder.save(name, { text: draft.text, version, conflict: null }).catch(tellError);
  const take = () => {
    folder.setDraft(name, null);
    folder.want([name], true);
  };
  return html`
    <div class="conflict" role="alert">
      <p>${words.conflict}</p>
      <pre dir="auto">${theirs ?? words.missing}</pre>
      <div class="row">
        <${Button} onClick=${take}>${words.takeTheirs}<//>
        <${Button} kind="danger" onClick=${keep}>${words.keepMine}<//>
      </div>
    </div>
  `;
}
