import { useState } from "preact/hooks";
import { post, useLoaded } from "../../server.ts";
import { fill, useWords } from "../../words/mod.ts";
import { paths } from "../../words/paths.ts";
import { Button, Dialog, Field, type FieldTies, html, Name, tellError } from "../mod.ts";
import { valueOf } from "../../value_of.ts";

/** The folders that the studio sees, and one more where the user names it. */
export function FoldersDialog({ onClose }: { onClose: () => void }) {
  const words = useWords(paths);
  const { data, reload } = useLoaded<{ folders: string[]; confirmed: string[] }>("/api/studio");
  const [path, setPath] = useState(""), [error, setError] = useState<string | null>(null);
  const add = async (event: Event) => {
    event.preventDefault();
    try {
      await post("/api/folders", { path });
      setPath("");
      setError(null);
      reload();
    } catch (thrown) {
      setError((thrown as Error).message);
    }
  };
  const forget = (path: string) => post("/api/folders/forget", { path }).then(reload, tellError);
  const type = (event: Event) => setPath(valueOf(event));
  return html`
    <${Dialog} title=${words.folders} open onClose=${onClose}>
      <p class="hint">${words.onlyThese}</p>
      <ul class="path-list">${data?.folders.map((folder) =>
        html`
          <li key=${folder} class="row">
            <${Name} text=${folder} />
            ${data.confirmed.includes(folder) && html`
              <${Button} kind="quiet" icon="close" label=${fill(words.forget, { path: folder })}
                onClick=${() => forget(folder)} />
            `}
          </li>
        `
      )}</ul>
      <form class="stack" onSubmit=${add}>
        <${Field} label=${words.another} error=${error} hint=${words.wholePath}>
          ${(ties: FieldTies) =>
            html`<input ...${ties} type="text" spellcheck=${false} value=${path} onInput=${type} />`}
        <//>
        <div class="row"><${Button} type="submit" icon="plus" disabled=${path === ""}>${words.add}<//></div>
      </form>
    <//>
  `;
}
