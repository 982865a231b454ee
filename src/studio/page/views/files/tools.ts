/** What is made of files: merged, resized, converted, each as a job of the queue; the rest of the options is in the form. */

import { useEffect, useState } from "preact/hooks";
import type { About, ListedFile } from "../../../files/shown.ts";
import { Button, Dialog, ErrorLine, Field, type FieldTies, html, tell } from "../../parts/mod.ts";
import { go } from "../../router.ts";
import { post } from "../../server.ts";
import { files } from "../../words/files.ts";
import { fill, useWords } from "../../words/mod.ts";
import { baseName, folderOf, stemOf } from "../../path_names.ts";
import { isTicked, valueOf } from "../../value_of.ts";

export type ToolName = "merge" | "resize" | "convert";

export interface Tool {
  readonly name: ToolName;
  readonly files: readonly About[];
}

export function toolsFor(chosen: readonly About[]): readonly ToolName[] {
  const loras = chosen.every(({ kind }) => kind === "lora");
  if (chosen.length > 1) return loras ? ["merge"] : [];
  if (loras) return ["resize", "convert"];
  return chosen.every(({ kind }) => kind === "checkpoint") ? ["convert"] : [];
}

interface Values {
  readonly saveTo: string;
  readonly ratios: readonly string[];
  readonly exact: boolean;
  readonly rank: string;
  readonly to: string;
  readonly precision: string;
}

/** Flags with their values, and what stands without a flag. */
interface Line {
  readonly command: string;
  readonly values: Readonly<Record<string, string | true | readonly string[]>>;
  readonly positionals: readonly string[];
}

export function lineOf({ name, files }: Tool, values: Values): Line {
  const paths = files.map(({ path }) => path), [path] = paths;
  const precision: Line["values"] = values.precision ? { save_precision: values.precision } : {};
  if (name === "merge") {
    const concat: Line["values"] = values.exact ? { concat: true } : {};
    return {
      command: "merge_lora",
      values: { models: paths, ratios: values.ratios, save_to: values.saveTo, ...precision, ...concat },
      positionals: [],
    };
  }
  if (name === "resize") {
    return {
      command: "resize_lora",
      values: { model: path, new_rank: values.rank, save_to: values.saveTo, ...precision },
      positionals: [],
    };
  }
  const lora = files[0].kind === "lora";
  return {
    command: lora ? "convert_lora" : "convert",
    values: lora ? { to: values.to, ...precision } : precision,
    positionals: [path, values.saveTo],
  };
}

export function argsOf({ values, positionals }: Line): string[] {
  const flags = Object.entries(values).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, ...(typeof value === "string" ? [value] : value)]
  );
  return [...positionals, ...flags];
}

interface Props {
  tool: Tool | null;
  /** Files whose names are taken. */
  taken: readonly ListedFile[];
  onClose: () => void;
}

export function ToolDialog({ tool, taken, onClose }: Props) {
  const words = useWords(files), [values, setValues] = useState<Values | null>(null);
  const [error, setError] = useState<string | null>(null), [busy, setBusy] = useState(false);
  useEffect(() => {
    setError(null);
    setValues(tool && first(tool, taken));
  }, [tool]);
  if (!tool || !values) return null;
  const set = (change: Partial<Values>) => setValues({ ...values, ...change });
  const isTaken = taken.some(({ path }) => path === values.saveTo);
  const line = lineOf(tool, values);
  const start = async () => {
    setBusy(true);
    setError(null);
    try {
      const title = baseName(values.saveTo);
      await post("/api/jobs", { command: line.command, args: argsOf(line), title });
      const action = { text: words.openQueue, run: () => go("queue") };
      tell({ kind: "done", text: fill(words.queued, { name: title }), action });
      onClose();
    } catch (failure) {
      setError((failure as Error).message);
    } finally {
      setBusy(false);
    }
  };
  const lora = tool.files[0].kind === "lora";
  return html`
    <${Dialog} title=${words[tool.name]} open onClose=${onClose} actions=${html`
      ${line.positionals.length === 0 &&
        html`<${Button} onClick=${() =>
          go("new", line.command, JSON.stringify(line.values))}>${words.allOptions}<//>`}
      <${Button} kind="primary" icon="plus" busy=${busy} disabled=${isTaken || values.saveTo === ""}
        onClick=${start}>${words
          .start}<//>
    `}>
      <div class="stack">
        ${tool.name === "merge" && tool.files.map(({ path }, i) =>
          html`
            <${Field} key=${path} label=${fill(words.ratio, { name: stemOf(path) })}>${(ties: FieldTies) =>
              html`
                <input ...${ties} type="number" step="0.05" value=${values.ratios[i]} onInput=${(
                  event: Event,
                ) => set({ ratios: values.ratios.map((ratio, j) => j === i ? valueOf(event) : ratio) })} />
              `}<//>
          `
        )}
        ${tool.name === "merge" && html`
          <${Field} label=${words.exact} beside>${(ties: FieldTies) =>
            html`
              <input ...${ties} type="checkbox" checked=${values.exact} onChange=${(event: Event) =>
                set({ exact: isTicked(event) })} />
            `}<//>
        `}
        ${tool.name === "resize" && html`
          <${Field} label=${words.newRank}>${(ties: FieldTies) =>
            html`<input ...${ties} type="number" min="1" value=${values.rank} onInput=${(event: Event) =>
              set({ rank: valueOf(event) })} />`}<//>
        `}
        ${tool.name === "convert" && lora && html`
          <${Field} label=${words.to}>${(ties: FieldTies) =>
            html`
              <select ...${ties} value=${values.to} onChange=${(event: Event) => set({ to: valueOf(event) })}>
                ${["kohya", "diffusers", "comfy"].map((to) =>
                  html`<option key=${to} value=${to}>${to}</option>`
                )}
                <option value="lora">${words.plain}</option>
              </select>
            `}<//>
        `}
        <${Field} label=${words.precision}>${(ties: FieldTies) =>
          html`
            <select ...${ties} value=${values.precision} onChange=${(event: Event) =>
              set({ precision: valueOf(event) })}>
              <option value="">${words.asIs}</option>
              ${["float", "fp16", "bf16"].map((name) =>
                html`<option key=${name} value=${name}>${name}</option>`
              )}
            </select>
          `}<//>
        <${Field} label=${words.saveTo} error=${isTaken ? words.taken : null}>${(ties: FieldTies) =>
          html`<input ...${ties} type="text" spellcheck=${false} value=${values.saveTo} onInput=${(
            event: Event,
          ) => set({ saveTo: valueOf(event) })} />`}<//>
        <${ErrorLine} text=${error} />
      </div>
    <//>
  `;
}

/** A name that is free, beside the first file. */
function first({ name, files: [file, ...others] }: Tool, taken: readonly ListedFile[]): Values {
  const what = { merge: "merged", resize: "resized", convert: "converted" }[name];
  const stem = `${folderOf(file.path)}/${stemOf(file.path)}-${what}`;
  const free = (n: number): string => {
    const path = `${stem}${n === 1 ? "" : `-${n}`}.safetensors`;
    return taken.some((other) => other.path === path) ? free(n + 1) : path;
  };
  return {
    saveTo: free(1),
    ratios: [file, ...others].map(() => "1"),
    exact: true,
    rank: String(Math.max(1, Math.floor(Math.max(2, ...file.ranks) / 2))),
    to: "kohya",
    precision: "",
  };
}
