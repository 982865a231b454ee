import { useState } from "preact/hooks";
import { post, put, ServerError, useLoaded, withQuery } from "../../server.ts";
import { fill, useWords } from "../../words/mod.ts";
import { paths } from "../../words/paths.ts";
import { Button, Dialog, ErrorLine, Field, type FieldTies, html, ProgressBar, tell } from "../mod.ts";
import { PathField } from "./path_field.ts";
import { valueOf } from "../../value_of.ts";

interface AddPicturesProps {
  onClose: () => void;
  /** With the folder that the pictures are in now. */
  onAdded: (folder: string) => void;
}

/** From nothing to a folder as trainings want it: REPEATS_NAME in a folder of the studio, with pictures from this browser. */
export function AddPictures({ onClose, onAdded }: AddPicturesProps) {
  const words = useWords(paths);
  const { data } = useLoaded<{ folders: string[] }>("/api/studio");
  const [parent, setParent] = useState<string | null>(null);
  const [name, setName] = useState("1_subject"), [files, setFiles] = useState<readonly File[]>([]);
  const [done, setDone] = useState<number | null>(null), [error, setError] = useState<string | null>(null);
  const within = parent ?? data?.folders[0] ?? "";
  const add = async (event: Event) => {
    event.preventDefault();
    setError(null);
    const kept: string[] = [];
    try {
      const { path: folder } = await post<{ path: string }>("/api/folders/new", { parent: within, name });
      for (const [i, file] of files.entries()) {
        setDone(i);
        await put(withQuery("/api/uploads", { folder, name: file.name }), file).catch((thrown) => {
          if (!(thrown instanceof ServerError) || thrown.status !== 409) throw thrown;
          kept.push(file.name); // what is there is left as it is, and told
        });
      }
      tell({ kind: "done", text: fill(words.added, { n: files.length - kept.length }) });
      if (kept.length) {
        tell({
          kind: "error",
          text: fill(words.wereThere, { names: kept.slice(0, 5).join(", "), n: kept.length }),
        });
      }
      onAdded(folder);
    } catch (thrown) {
      setError((thrown as Error).message);
    } finally {
      setDone(null);
    }
  };
  const typed = (event: Event) => setName(valueOf(event));
  const chosen = (event: Event) => setFiles([...(event.currentTarget as HTMLInputElement).files ?? []]);
  return html`
    <${Dialog} title=${words.addPictures} open onClose=${onClose}>
      <form class="stack" onSubmit=${add}>
        <${ErrorLine} text=${error} />
        <${Field} label=${words.pictures} hint=${words.picturesHint}>
          ${(ties: FieldTies) =>
            html`<input ...${ties} type="file" multiple accept="image/*,.avif,.jxl,.txt,.caption" onChange=${chosen} />`}
        <//>
        <${Field} label=${words.within}>
          ${(ties: FieldTies) =>
            html`<${PathField} ties=${ties} kind="folder" value=${within} onChange=${setParent} />`}
        <//>
        <${Field} label=${words.folderName} hint=${words.folderNameHint}>
          ${(ties: FieldTies) =>
            html`<input ...${ties} type="text" spellcheck=${false} value=${name} onInput=${typed} />`}
        <//>
        ${done !== null && html`<${ProgressBar} label=${words.addPictures} value=${done / files.length} />`}
        <div class="row">
          <${Button} type="submit" kind="primary" icon="upload" busy=${done !== null}
            disabled=${files.length === 0 || name === "" || within === ""}>${words.add}<//>
        </div>
      </form>
    <//>
  `;
}
