/** Command lines, TOML and JSON from elsewhere, pasted or out of a file. */

import { useState } from "preact/hooks";
import { Button, Dialog, ErrorLine, Field, type FieldTies, html, tell } from "../../parts/mod.ts";
import { post } from "../../server.ts";
import { newJob } from "../../words/new_job.ts";
import { useWords } from "../../words/mod.ts";
import type { Reading } from "./draft.ts";
import { valueOf } from "../../value_of.ts";

interface PasteDialogProps {
  /** Where the text does not tell. */
  command: string;
  onClose: () => void;
  onRead: (reading: Reading) => void;
}

export function PasteDialog({ command, onClose, onRead }: PasteDialogProps) {
  const words = useWords(newJob),
    [text, setText] = useState(""),
    [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const read = async () => {
    setBusy(true);
    try {
      const reading = await post<Reading>("/api/paste", { text, command });
      for (const note of reading.notes.slice(0, 3)) tell({ kind: "done", text: note });
      onRead(reading);
    } catch (cause) {
      setError((cause as Error).message);
    }
    setBusy(false);
  };
  const open = async (event: Event) => {
    const file = (event.currentTarget as HTMLInputElement).files?.[0];
    if (file) setText(await file.text());
  };
  const actions = html`<${Button} kind="primary" busy=${busy} disabled=${
    text.trim() === ""
  } onClick=${read}>${words.read}<//>`;
  return html`
    <${Dialog} title=${words.paste} open wide onClose=${onClose} actions=${actions}>
      <div class="stack">
        <${Field} label=${words.pasted} hint=${words.pasteHint}>${(ties: FieldTies) =>
          html`
            <textarea ...${ties} class="mono" rows="12" spellcheck=${false} value=${text}
              onInput=${(event: Event) => setText(valueOf(event))}></textarea>
          `}<//>
        <${Field} label=${words.fromFile}>${(ties: FieldTies) =>
          html`<input ...${ties} type="file" accept=".toml,.json,.txt,.sh,.bat,.ps1" onChange=${open} />`}<//>
        <${ErrorLine} text=${error} />
      </div>
    <//>
  `;
}
