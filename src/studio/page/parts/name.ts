import { html } from "./html.ts";

/** A name from outside, such as a file's: its direction stays its own, and what is too long is cut, the whole in the title. */
export function Name({ text }: { text: string }) {
  return html`<bdi class="name" title=${text}>${text}</bdi>`;
}
