/** What has just happened, at the page's edge and for readers of the screen. */

import { useEffect, useState } from "preact/hooks";
import { useWords } from "../words/mod.ts";
import { parts } from "../words/parts.ts";
import { Button } from "./button.ts";
import { html } from "./html.ts";

export interface Toast {
  readonly kind: "done" | "error";
  readonly text: string;
  /** Such as "undo". */
  readonly action?: { readonly text: string; readonly run: () => unknown };
}

/** Errors stay until they are dismissed. */
const DONE_STAYS = 8000;

const MOST = 4;

let toasts: readonly (Toast & { id: number })[] = [];
let count = 0;
let changed = () => {};

function set(next: typeof toasts): void {
  toasts = next;
  changed();
}

const drop = (id: number) => set(toasts.filter((toast) => toast.id !== id));

/** Tells the user of something that was done, or went wrong away from where they look. */
export function tell(toast: Toast): void {
  const id = ++count;
  set([...toasts, { ...toast, id }].slice(-MOST));
  if (toast.kind === "done") setTimeout(() => drop(id), DONE_STAYS);
}

/** The same for what was thrown. */
export function tellError(error: unknown): void {
  tell({ kind: "error", text: error instanceof Error ? error.message : String(error) });
}

export function Toasts() {
  const [, draw] = useState(0), words = useWords(parts);
  useEffect(() => {
    changed = () => draw((n) => n + 1);
    return () => void (changed = () => {});
  }, []);
  const one = ({ id, kind, text, action }: Toast & { id: number }) =>
    html`
      <div key=${id} class=${`toast ${kind}`}>
        <p>${text}</p>
        ${action &&
          html`<${Button} kind="quiet" onClick=${() => (drop(id), action.run())}>${action.text}<//>`}
        <${Button} kind="quiet" icon="close" label=${words.dismiss} onClick=${() => drop(id)} />
      </div>
    `;
  return html`
    <div class="toasts">
      <div role="status" aria-live="polite">${toasts.filter(({ kind }) => kind === "done").map(one)}</div>
      <div role="alert">${toasts.filter(({ kind }) => kind === "error").map(one)}</div>
    </div>
  `;
}
