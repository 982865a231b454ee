/** One folder: its pictures to the left, what is done with them to the right; on a phone one of both. */

import { useEffect, useRef, useState } from "preact/hooks";
import { Button, Dialog, ErrorLine, html, ProgressBar, Tabs, tell } from "../../parts/mod.ts";
import { href } from "../../router.ts";
import { useLoaded, withQuery } from "../../server.ts";
import { fill, number, useWords } from "../../words/mod.ts";
import { dataset } from "../../words/dataset.ts";
import { parts } from "../../words/parts.ts";
import { BucketsPanel } from "./panels/buckets_panel.ts";
import { CaptionPanel } from "./panels/caption_panel.ts";
import { DuplicatesPanel } from "./panels/duplicates_panel.ts";
import { FilterBar } from "./filter_bar.ts";
import { type FolderState, useFolder } from "./folder_state.ts";
import { FolderList, NoPictures, Notes, repeatsText } from "./folders.ts";
import { Grid } from "./grid.ts";
import { HistoryPanel } from "./panels/history_panel.ts";
import { LeftOutNote } from "./left_out_note.ts";
import { MasksPanel } from "./panels/masks_panel.ts";
import { TaggingPanel } from "./panels/tagging_panel.ts";
import { TagsPanel } from "./panels/tags_panel.ts";
import { TextPairs } from "./panels/text_pairs.ts";
import type { FolderSeen, MovedTold } from "./told.ts";
import { TrainButton } from "./train_button.ts";
import { useNarrow } from "./use_width.ts";

type PanelName = "pictures" | "caption" | "tags" | "buckets" | "masks" | "duplicates" | "tagging" | "history";

export function OpenedFolder({ path }: { path: string }) {
  const words = useWords(dataset), folder = useFolder(path), narrow = useNarrow();
  const seen = useLoaded<FolderSeen>(withQuery("/api/dataset/folder", { path }));
  const [panel, setPanel] = useState<PanelName>(narrow ? "pictures" : "caption"),
    input = useRef<HTMLTextAreaElement>(null);
  const [stuck, setStuck] = useState<MovedTold & { way: "undo" | "redo" } | null>(null);
  useEffect(() => {
    const back = () => document.visibilityState === "visible" && folder.reload();
    document.addEventListener("visibilitychange", back);
    return () => document.removeEventListener("visibilitychange", back);
  }, [folder.reload]);

  const move = async (way: "undo" | "redo", skip = false) => {
    const moved = await folder.change("undo", { way, skip });
    setStuck(null);
    if (!moved) return;
    if (moved.conflicts.length > 0 && !skip) return setStuck({ ...moved, way });
    if (moved.step) {
      tell({
        kind: "done",
        text: fill(way === "undo" ? words.undone : words.redone, { n: number(moved.changed) }),
      });
    }
  };
  const open = () => {
    setPanel("caption");
    setTimeout(() => input.current?.focus(), 50);
  };
  const name = path.split("/").at(-1)!, parent = seen.data?.parent ?? null;
  const { done: [last], undone: [next] } = folder.steps;
  if (!folder.loading && !folder.error && folder.counts?.all === 0) {
    return html`
      <${Head} folder=${folder} name=${name} parent=${parent}>
        <${TrainButton} seen=${seen.data} />
        <//>
        <${NoPictures} seen=${seen.data} />
    `;
  }
  const names = [
    ...(narrow ? ["pictures"] as const : []),
    ...["caption", "tags", "buckets", "masks", "duplicates", "tagging", "history"] as const,
  ];
  const shown = !narrow && panel === "pictures" ? "caption" : panel;
  const pictures = html`
    <div class="dataset-pictures">
      <${FilterBar} folder=${folder} />
      <${Grid} folder=${folder} onOpen=${open} onUndo=${move} />
    </div>
  `;
  const panels: Readonly<Record<PanelName, unknown>> = {
    pictures,
    caption: html`<${CaptionPanel} folder=${folder} input=${input} />`,
    tags: html`<${TagsPanel} folder=${folder} onUndo=${() => move("undo")} />`,
    buckets: html`<${BucketsPanel} folder=${folder} />`,
    masks: html`<${MasksPanel} folder=${folder} />`,
    duplicates: html`<${DuplicatesPanel} folder=${folder} />`,
    tagging: html`<${TaggingPanel} folder=${folder} onHistory=${() => setPanel("history")} />`,
    history: html`<${HistoryPanel} folder=${folder} />`,
  };
  return html`
    <${Head} folder=${folder} name=${name} parent=${parent}>
      <${TrainButton} seen=${seen.data} extension=${folder.extension} />
      <${Button} icon="undo" disabled=${!last} onClick=${() => move("undo")}>${words.undo}<//>
      <${Button} disabled=${!next} onClick=${() => move("redo")}>${words.redo}<//>
    <//>
    <div class="stack dataset-notes">
      ${seen.data?.repeats != null &&
        html`<p><span class="badge accent">${
          repeatsText(seen.data.repeats, seen.data.classTokens, words)
        }</span></p>`}
      <${FolderList} folders=${seen.data?.folders ?? []} />
      <${Notes} notes=${seen.data?.notes ?? []} />
      <${LeftOutNote} folder=${folder} />
      <${ErrorLine} text=${folder.error} retry=${folder.reload} />
      ${folder.busy !== null && html`<${ProgressBar} label=${words.writing} value=${folder.busy} />`}
    </div>
    <div class="dataset-split">
      ${!narrow && pictures}
      <div class="dataset-panel">
        <${Tabs} label=${words.panels} tabs=${names.map((tab) => ({
          name: tab,
          title: words[`${tab}Tab`],
        }))} chosen=${shown} onChoose=${(tab: PanelName) => setPanel(tab)}>${panels[shown]}<//>
      </div>
    </div>
    <${Stuck} moved=${stuck} onClose=${() => setStuck(null)} onSkip=${() => stuck && move(stuck.way, true)} />
  `;
}

interface HeadProps {
  folder: FolderState;
  name: string;
  parent: string | null;
  children?: unknown;
}

function Head({ folder, name, parent, children }: HeadProps) {
  const words = useWords(dataset);
  return html`
    <header class="view-head">
      <a class="button quiet" href=${href("dataset", ...parent === null ? [] : [parent])} title=${parent ??
        undefined}>${words
        .up}</a>
      <h1 title=${folder.path}><bdi>${name}</bdi></h1>
      <div class="view-actions">${children}</div>
    </header>
  `;
}

interface StuckProps {
  moved: MovedTold | null;
  onClose: () => void;
  onSkip: () => void;
}

/** A step that cannot be taken back whole: captions were changed by others since. */
function Stuck({ moved, onClose, onSkip }: StuckProps) {
  const words = useWords(dataset), shared = useWords(parts);
  const pairs = moved?.conflicts.map(({ file, theirs, mine }) => ({ file, before: mine, after: theirs })) ??
    [];
  return html`
    <${Dialog} title=${words.stuck} wide open=${moved !== null} onClose=${onClose} actions=${html`
      <${Button} onClick=${onClose}>${shared.cancel}<//>
      <${Button} kind="primary" onClick=${onSkip}>${words.skipThose}<//>
    `}>
      <div class="stack">
        <p>${words.stuckHint}</p>
        <${TextPairs} pairs=${pairs} />
      </div>
      <//>
  `;
}
