import { EmptyState, html, ViewHead } from "../parts/mod.ts";
import { frame } from "../words/frame.ts";
import { useWords } from "../words/mod.ts";
import { parts } from "../words/parts.ts";

export function Draw() {
  const names = useWords(frame), words = useWords(parts);
  return html`
    <${ViewHead} title=${names.draw} />
    <${EmptyState} icon="brush" title=${words.soon} />
  `;
}
