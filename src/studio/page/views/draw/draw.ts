/** Drawing: the form, the pictures as they come, and what one picture says of itself. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Axis } from "../../../draw/shown.ts";
import type { Choices } from "../../../draw/shown.ts";
import type { GalleryPicture } from "../../../draw/shown.ts";
import type { NewJob } from "../../../draw/shown.ts";
import type { PictureSettings } from "../../../draw/shown.ts";
import { Button, ErrorLine, html, tell, tellError, ViewHead } from "../../parts/mod.ts";
import { go } from "../../router.ts";
import { post, useLoaded } from "../../server.ts";
import { draw } from "../../words/draw.ts";
import { frame } from "../../words/frame.ts";
import { fill, useWords } from "../../words/mod.ts";
import { asked, type Form, formAfter, keepForm, keptForm, valuesIn } from "./form.ts";
import { DropZone } from "./drop_zone.ts";
import { Gallery } from "./gallery.ts";
import { GridForm } from "./grid_form.ts";
import { GridView } from "./grid_view.ts";
import { JobLines } from "./job_lines.ts";
import { type Looked, PictureDialog } from "./picture_dialog.ts";
import { SettingsForm } from "./settings_form.ts";

type Offered = Choices & { readonly samplers: readonly string[] };

/** As the server takes it. */
const MOST_BYTES = 64 << 20;

export function Draw({ rest: [what, path] }: { rest: readonly string[] }) {
  return what === "grid" && path ? html`<${GridView} folder=${path} />` : html`<${Drawing} />`;
}

function Drawing() {
  const words = useWords(draw), names = useWords(frame);
  const [form, setForm] = useState(keptForm), [shown, setShown] = useState<string | null>(null);
  const [grid, setGrid] = useState(false), [busy, setBusy] = useState(false);
  const [ids, setIds] = useState<readonly string[]>([]), [error, setError] = useState<string | null>(null);
  const [looked, setLooked] = useState<Looked | null>(null);
  const choices = useLoaded<Offered>("/api/draw/choices"), file = useRef<HTMLInputElement>(null);
  const set = (change: Partial<Form>) =>
    setForm((old) => {
      const next = { ...old, ...change };
      keepForm(next);
      return next;
    });
  useEffect(() => {
    const first = choices.data?.models[0];
    if (first && form.model === "") set({ model: first.path });
  }, [choices.data]);

  /** Asks what the jobs are, and queues them. */
  const start = async (route: string, more = {}) => {
    setBusy(true);
    setError(null);
    try {
      const found = await post<{ jobs: NewJob[]; folder: string; seed: number }>(route, {
        ...asked(form),
        ...more,
      });
      const queued: string[] = [];
      for (const { command, args } of found.jobs) {
        const title = form.prompt.slice(0, 100);
        queued.push((await post<{ id: string }>("/api/jobs", { command, args, title })).id);
      }
      setIds(queued);
      set({ lastSeed: String(found.seed) });
      return found.folder;
    } catch (failure) {
      setError((failure as Error).message);
      return null;
    } finally {
      setBusy(false);
    }
  };
  const drawPictures = async () => {
    if (!busy && await start("/api/draw/job")) setShown(null);
  };
  /** The same in the form of all options. */
  const openForm = async () => {
    setError(null);
    try {
      const { jobs: [{ command, args }] } = await post<{ jobs: NewJob[] }>("/api/draw/job", asked(form));
      go("new", command, JSON.stringify(valuesIn(args)));
    } catch (failure) {
      setError((failure as Error).message);
    }
  };
  const drawGrid = async (x: Axis, y: Axis) => {
    const folder = await start("/api/draw/grid", { x, y });
    if (folder) go("draw", "grid", folder);
  };
  const use = (settings: PictureSettings) => {
    const { change, missing } = formAfter(settings, choices.data ?? { models: [], loras: [] });
    set(change);
    setLooked(null);
    tell({ kind: "done", text: words.used });
    for (const name of missing) tell({ kind: "error", text: fill(words.notFound, { name }) });
  };
  const read = async (dropped: File | undefined) => {
    if (!dropped) return;
    if (dropped.size > MOST_BYTES) {
      return tell({ kind: "error", text: fill(words.tooLarge, { name: dropped.name }) });
    }
    try {
      const settings = await post<PictureSettings>("/api/draw/settings", dropped);
      setLooked({ name: dropped.name, src: URL.createObjectURL(dropped), settings });
    } catch (failure) {
      tellError(failure);
    }
  };
  const close = (next: Looked | null) => {
    if (looked && "src" in looked) URL.revokeObjectURL(looked.src);
    setLooked(next);
  };

  return html`
    <${DropZone} onDrop=${read}>
      <${ViewHead} title=${names.draw}>
        <input ref=${file} type="file" accept="image/png,image/jpeg,image/webp" hidden onChange=${(
          event: Event,
        ) => {
          const input = event.currentTarget as HTMLInputElement;
          read(input.files?.[0]);
          input.value = "";
        }} />
        <${Button} icon="upload" onClick=${() => file.current?.click()}>${words.read}<//>
      <//>
      <${ErrorLine} text=${choices.error} retry=${choices.reload} />
      <div class="draw-columns">
        <div class="stack draw-form">
          ${choices.data && html`
            <${SettingsForm} form=${form} set=${set} choices=${choices.data} onDraw=${drawPictures} />
            <${ErrorLine} text=${error} />
            <div class="row draw-actions">
              <${Button} kind="primary" icon="brush" busy=${busy} onClick=${drawPictures}>${words.draw}<//>
              <${Button} pressed=${grid} onClick=${() => setGrid(!grid)}>${words.grid}<//>
              <${Button} kind="quiet" onClick=${openForm}>${words.allOptions}<//>
            </div>
            <${JobLines} ids=${ids} />
            ${grid &&
              html`<${GridForm} form=${form} choices=${choices.data} busy=${busy} onDraw=${drawGrid} />`}
          `}
        </div>
        <${Gallery} folder=${shown ?? form.folder} onFolder=${setShown} onOpen=${(
          picture: GalleryPicture,
          all: readonly GalleryPicture[],
        ) => close({ picture, all })} />
      </div>
      <${PictureDialog} looked=${looked} onLook=${close} onUse=${use} />
    <//>
  `;
}
