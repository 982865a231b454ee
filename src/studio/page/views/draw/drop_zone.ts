/** Takes files that are dropped anywhere on the view. */

import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { html } from "../../parts/mod.ts";
import { draw } from "../../words/draw.ts";
import { useWords } from "../../words/mod.ts";

export function DropZone(
  { onDrop, children }: { onDrop: (file: File) => void; children?: ComponentChildren },
) {
  const words = useWords(draw), [over, setOver] = useState(false), depth = useRef(0);
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  const enter = (by: number) => (event: DragEvent) => {
    if (!hasFiles(event)) return;
    depth.current += by;
    setOver(depth.current > 0);
  };
  const drop = (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth.current = 0;
    setOver(false);
    const [file] = event.dataTransfer!.files;
    if (file) onDrop(file);
  };
  return html`
    <div class=${`drop-zone ${over ? "over" : ""}`} onDragEnter=${enter(1)} onDragLeave=${enter(-1)}
      onDragOver=${(event: DragEvent) => hasFiles(event) && event.preventDefault()} onDrop=${drop}>
      ${children}
      ${over && html`<div class="drop-hint" aria-hidden="true">${words.drop}</div>`}
    </div>
  `;
}
