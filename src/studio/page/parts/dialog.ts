import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { useWords } from "../words/mod.ts";
import { parts } from "../words/parts.ts";
import { Button } from "./button.ts";
import { html } from "./html.ts";

interface DialogProps {
  title: string;
  open: boolean;
  /** Escape, the cross, or a press beside it. */
  onClose: () => void;
  children?: ComponentChildren;
  /** Buttons at its end. */
  actions?: ComponentChildren;
  wide?: boolean;
}

/** The browser's own: keeps the focus inside, gives it back when it closes. */
export function Dialog({ title, open, onClose, children, actions, wide = false }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null), id = useId();
  const words = useWords(parts);
  useEffect(() => {
    const element = dialog.current;
    if (open && element && !element.open) element.showModal();
    if (!open && element?.open) element.close();
  }, [open]);
  useEffect(() => {
    const element = dialog.current;
    return () => element?.close(); // where it goes away open, the focus is given back too
  }, []);
  const beside = (event: Event) => event.target === dialog.current && onClose();
  const cancel = (event: Event) => {
    event.preventDefault();
    onClose();
  };
  return html`
    <dialog ref=${dialog} class=${`dialog ${wide ? "wide" : ""}`} aria-labelledby=${id} onCancel=${cancel}
      onMouseDown=${beside}>
      ${open && html`
        <div class="dialog-in">
          <header><h2 id=${id}>${title}</h2><${Button} kind="quiet" icon="close" label=${words
            .close} onClick=${onClose} /></header>
          <div class="dialog-body">${children}</div>
          ${actions && html`<footer>${actions}</footer>`}
        </div>
      `}
    </dialog>
  `;
}
