import type { ComponentChildren } from "preact";
import { html } from "./html.ts";

/** The heading of a view, with what can be done on all of it to the right. */
export function ViewHead({ title, children }: { title: ComponentChildren; children?: ComponentChildren }) {
  return html`
    <header class="view-head">
      <h1>${title}</h1>
      ${children && html`<div class="view-actions">${children}</div>`}
    </header>
  `;
}
