import { useEffect, useId, useState } from "preact/hooks";
import type { Completion } from "../../../form/complete.ts";
import type { Browsed, BrowsedEntry } from "../../../server/browse.ts";
import { useLoaded, withQuery } from "../../server.ts";
import { fill, useWords } from "../../words/mod.ts";
import { paths } from "../../words/paths.ts";
import { Button, Dialog, ErrorLine, type FieldTies, html, Icon, Name } from "../mod.ts";
import { valueOf } from "../../value_of.ts";

/** As the rows of options name them. */
export type PathKind = "model" | "toml" | "json" | "text" | "file" | "folder";

interface PathFieldProps {
  /** Of the Field around it. */
  ties?: Partial<FieldTies>;
  value: string;
  kind: PathKind;
  placeholder?: string;
  disabled?: boolean;
  /** What it is called where no Field is around it. */
  label?: string;
  onChange: (path: string) => void;
}

/** Names that begin as a path that is being typed, once somebody is in its field. */
function useCompletions(value: string, kind: PathKind, wanted: boolean): readonly Completion[] {
  const [typed, setTyped] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setTyped(value), 150);
    return () => clearTimeout(timer);
  }, [value]);
  const { data } = useLoaded<readonly Completion[]>(
    wanted ? withQuery("/api/complete", { typed, kind }) : null,
  );
  return data ?? [];
}

/** A path, typed with completion or chosen by clicks in the studio's folders. */
export function PathField({ ties, value, kind, placeholder, disabled, label, onChange }: PathFieldProps) {
  const [open, setOpen] = useState(false), words = useWords(paths), list = useId();
  const [entered, setEntered] = useState(false), completed = useCompletions(value, kind, entered);
  const type = (event: Event) => onChange(valueOf(event));
  const choose = (path: string) => {
    setOpen(false);
    onChange(path);
  };
  return html`
    <div class="path-field">
      <input ...${ties} type="text" spellcheck=${false} autocomplete="off" aria-label=${label} value=${value}
        placeholder=${placeholder} disabled=${disabled} onInput=${type} list=${list}
        onFocus=${() => setEntered(true)} onBlur=${() => setEntered(false)} />
      <datalist id=${list}>${completed.map(({ text }) =>
        html`<option key=${text} value=${text} />`
      )}</datalist>
      <${Button} icon="folder" label=${words.browse} disabled=${disabled} onClick=${() => setOpen(true)} />
      ${open &&
        html`<${PathDialog} value=${value} kind=${kind} onChoose=${choose} onClose=${() =>
          setOpen(false)} />`}
    </div>
  `;
}

interface PathDialogProps {
  value: string;
  kind: PathKind;
  onChoose: (path: string) => void;
  onClose: () => void;
}

/** Steps through folders until one, or a file, is chosen. */
export function PathDialog({ value, kind, onChoose, onClose }: PathDialogProps) {
  // a value that lies elsewhere, or is a name such as builtin:tiny, begins at the studio's folders
  const [at, setAt] = useState<string | null>(value.startsWith("/") ? value : null);
  const words = useWords(paths);
  const { data, error } = useLoaded<Browsed>(withQuery("/api/browse", { path: at, kind }));
  const folder = kind === "folder";
  const use = folder && data?.path && html`
    <${Button} kind="primary" onClick=${() => onChoose(data.path!)}>${words.useFolder}<//>
  `;
  return html`
    <${Dialog} title=${folder ? words.chooseFolder : words.chooseFile} open onClose=${onClose} actions=${use}>
      <${ErrorLine} text=${error} retry=${() => setAt(null)} />
      <p class="path-at">${data?.path ? html`<${Name} text=${data.path} />` : words.folders}</p>
      <ul class="path-list">
        ${data?.path && html`
          <li><button type="button" onClick=${() => setAt(data.parent)}>
            <${Icon} name="up" size=${18} /> ${words.up}</button></li>
        `}
        ${data?.entries.map((entry) =>
          html`
            <${Entry} key=${entry.path} entry=${entry}
              onChoose=${() => entry.folder ? setAt(entry.path) : onChoose(entry.path)} />
          `
        )}
      </ul>
      ${data?.path && data.entries.length === 0 && html`<p class="muted">${words.nothing}</p>`}
      ${data && data.more > 0 && html`<p class="muted">${fill(words.more, { n: data.more })}</p>`}
    <//>
  `;
}

function Entry({ entry, onChoose }: { entry: BrowsedEntry; onChoose: () => void }) {
  return html`
    <li><button type="button" onClick=${onChoose}>
      <${Icon} name=${entry.folder ? "folder" : "box"} size=${18} /> <${Name} text=${entry.name} />
    </button></li>
  `;
}
