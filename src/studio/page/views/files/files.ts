import { EmptyState, html, ViewHead } from "../../parts/mod.ts";
import { frame } from "../../words/frame.ts";
import { useWords } from "../../words/mod.ts";
import { parts } from "../../words/parts.ts";

export function Files() {
  const names = useWords(frame), words = useWords(parts);
  return html`
    <${ViewHead} title=${names.files} />
    <${EmptyState} icon="box" title=${words.soon} />
  `;
}
