/** What the loss is weighted by, shown over the pictures: their own alpha channel, or pictures of the same names. */

import { useState } from "preact/hooks";
import { Button, Field, type FieldTies, html } from "../../../parts/mod.ts";
import { useWords } from "../../../words/mod.ts";
import { dataset } from "../../../words/dataset.ts";
import type { FolderState } from "../folder_state.ts";
import { valueOf } from "../../../value_of.ts";

/** As training calls it. */
const OPTION = "conditioning_data_dir";

export function MasksPanel({ folder }: { folder: FolderState }) {
  const words = useWords(dataset), { masks } = folder.over;
  const [kind, setKind] = useState(masks === "" || masks === "alpha" ? masks : "folder");
  const [path, setPath] = useState(kind === "folder" ? masks : `${folder.path}_masks`);
  const choose = (next: string) => {
    setKind(next);
    if (next !== "folder") folder.setOver({ masks: next });
  };
  const kinds = [["", words.noMask], ["alpha", words.alphaMask], ["folder", words.maskFolder]] as const;
  const show = (event: Event) => {
    event.preventDefault();
    folder.setOver({ masks: path.trim() });
  };
  return html`
    <form class="stack" onSubmit=${show}>
      <fieldset class="stack">
        <legend>${words.masks}</legend>
        ${kinds.map(([name, title]) =>
          html`
            <${Field} key=${name} label=${title} beside>
              ${(ties: FieldTies) =>
                html`<input ...${ties} type="radio" name="mask" checked=${kind === name} onChange=${() =>
                  choose(name)} />`}
            <//>
          `
        )}
      </fieldset>
      ${kind === "folder" && html`
        <${Field} label=${OPTION} hint=${words.maskHint}>
          ${(ties: FieldTies) =>
            html`<input ...${ties} type="text" dir="auto" value=${path} onInput=${(event: Event) =>
              setPath(valueOf(event))} />`}
        <//>
        <div class="row"><${Button} kind="primary" type="submit">${words.showMasks}<//></div>
      `}
      <p class="hint">${words.maskColours}</p>
    </form>
  `;
}
