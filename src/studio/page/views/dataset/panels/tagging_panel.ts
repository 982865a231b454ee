/** Captions by a model, as a job of the queue; what stood there before is kept, and shown beside what comes. */

import { useEffect, useState } from "preact/hooks";
import type { QueueView } from "../../../../queue/shown.ts";
import { Button, ErrorLine, Field, type FieldTies, html, ProgressBar } from "../../../parts/mod.ts";
import { href } from "../../../router.ts";
import { useTopic } from "../../../events.ts";
import { post } from "../../../server.ts";
import { fill, number, useWords } from "../../../words/mod.ts";
import { dataset } from "../../../words/dataset.ts";
import type { FolderState } from "../folder_state.ts";
import { isTicked, valueOf } from "../../../value_of.ts";

const COMMANDS = ["tag_images_by_wd14_tagger", "make_captions", "make_captions_by_git"] as const;
type Command = typeof COMMANDS[number];

/** Flags that most change; others are typed below, as on the command line. */
const FLAGS: Readonly<Record<Command, readonly { flag: string; kind: "text" | "switch"; value: string }[]>> =
  {
    tag_images_by_wd14_tagger: [
      { flag: "repo_id", kind: "text", value: "SmilingWolf/wd-v1-4-convnext-tagger-v2" },
      { flag: "thresh", kind: "text", value: "0.35" },
      { flag: "append_tags", kind: "switch", value: "" },
      { flag: "remove_underscore", kind: "switch", value: "" },
    ],
    make_captions: [{ flag: "beam_search", kind: "switch", value: "on" }],
    make_captions_by_git: [{ flag: "remove_words", kind: "switch", value: "" }],
  };

export function TaggingPanel({ folder, onHistory }: { folder: FolderState; onHistory: () => void }) {
  const words = useWords(dataset), [command, setCommand] = useState<Command>(COMMANDS[0]);
  const [values, setValues] = useState<Readonly<Record<string, string>>>({}), [more, setMore] = useState("");
  const [error, setError] = useState<string | null>(null), [busy, setBusy] = useState(false);
  const flags = FLAGS[command],
    given = ({ flag, value }: { flag: string; value: string }) => values[flag] ?? value;
  const start = async (event: Event) => {
    event.preventDefault();
    const args = flags.flatMap((row) => {
      const value = given(row);
      return value === "" ? [] : row.kind === "switch" ? [`--${row.flag}`] : [`--${row.flag}`, value];
    });
    setBusy(true);
    setError(null);
    try {
      const { path, extension } = folder;
      await post("/api/dataset/jobs", {
        folder: path,
        extension,
        command,
        args: [...args, ...wordsOf(more)],
      });
      folder.reload();
    } catch (failed) {
      setError((failed as Error).message);
    } finally {
      setBusy(false);
    }
  };
  const set = (flag: string, value: string) => setValues((old) => ({ ...old, [flag]: value }));
  const open = folder.steps.done.find((step) => step.open);
  return html`
    <form class="stack" onSubmit=${start}>
      <p class="hint">${words.taggingHint}</p>
      <${Field} label=${words.command}>
        ${(ties: FieldTies) =>
          html`<select ...${ties} value=${command} onChange=${(event: Event) =>
            setCommand(valueOf(event) as Command)}>
            ${COMMANDS.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
          </select>`}
      <//>
      ${flags.map((row) =>
        html`
          <${Field} key=${row.flag} label=${row.flag} beside=${row.kind === "switch"}>
            ${(ties: FieldTies) =>
              row.kind === "switch"
                ? html`<input ...${ties} type="checkbox" checked=${given(row) !== ""} onChange=${(
                  event: Event,
                ) => set(row.flag, isTicked(event) ? "on" : "")} />`
                : html`<input ...${ties} type="text" value=${given(row)} onInput=${(event: Event) =>
                  set(row.flag, valueOf(event))} />`}
          <//>
        `
      )}
      <${Field} label=${words.moreFlags}>
        ${(ties: FieldTies) =>
          html`<input ...${ties} type="text" class="mono" value=${more} onInput=${(event: Event) =>
            setMore(valueOf(event))} />`}
      <//>
      <${ErrorLine} text=${error} />
      <div class="row"><${Button} kind="primary" icon="play" type="submit" busy=${busy} disabled=${open !==
          undefined || folder.names.length === 0}>${words.startTagging}<//></div>
    </form>
    ${open && html`<${RunningJob} key=${open.id} folder=${folder} job=${open.job} />`}
    <${LastJob} folder=${folder} onHistory=${onHistory} />
  `;
}

function RunningJob({ folder, job }: { folder: FolderState; job: string | null }) {
  const words = useWords(dataset), queue = useTopic<QueueView>("queue");
  const found = [...queue?.running ?? [], ...queue?.waiting ?? []].find(({ id }) => id === job);
  const isOver = queue !== undefined && found === undefined,
    message = queue?.ended.find(({ id }) => id === job)?.end?.message;
  useEffect(() => {
    if (isOver) folder.reload();
  }, [isOver]);
  const progress = found?.progress;
  return html`
    <div class="card stack tagging-job">
      <p role="status">${words.jobRuns} · <a href=${href("queue")}>${words.toQueue}</a></p>
      <${ProgressBar} label=${words.jobRuns} value=${progress ? progress.step / progress.total : undefined} />
      <${ErrorLine} text=${message} />
    </div>
  `;
}

/** The last job that is over, with what it changed. */
function LastJob({ folder, onHistory }: { folder: FolderState; onHistory: () => void }) {
  const words = useWords(dataset), [last] = folder.steps.done;
  if (!last || last.open || last.deed.kind !== "job") return null;
  return html`
    <div class="card stack tagging-job">
      <p role="status">${fill(words.captionsChanged, { n: number(last.count) })}</p>
      <div class="row">
        <${Button} onClick=${onHistory}>${words.beforeAfter}<//></div>
    </div>
  `;
}

/** Words between spaces; quotes hold spaces. */
function wordsOf(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c);
}
