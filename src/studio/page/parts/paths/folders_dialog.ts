import { useState } from "preact/hooks";
import { post, useLoaded } from "../../server.ts";
import { useWords } from "../../words/mod.ts";
import { paths } from "../../words/paths.ts";
import { Button, Dialog, Field, type FieldTies, html, Name } from "../mod.ts";

/** The folders that the studio sees, and one more where the user names it. */
export function FoldersDialog({ onClose }: { onClose: () => void }) {
  const words = useWords(paths);
  const { data, reload } = useLoaded<{ folders: string[] }>("/api/studio");
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
  const type = (event: Event) => setPath((event.currentTarget as HTMLInputElement).value);
  return html`
    <${Dialog} title=${words.folders} open onClose=${onClose}>
      <p class="hint">${words.onlyThese}</p>
      <ul class="path-list">${data?.folders.map((folder) =>
        html`
          <li key=${folder}>
            <${Name} text=${folder} />
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
