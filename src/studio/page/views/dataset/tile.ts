/** One picture of the grid with its caption. */

import { html, Icon, Name } from "../../parts/mod.ts";
import { useWords } from "../../words/mod.ts";
import { dataset } from "../../words/dataset.ts";
import type { FolderState } from "./folder_state.ts";
import { ShownPicture } from "./shown_picture.ts";

interface TileProps {
  folder: FolderState;
  name: string;
  index: number;
  /** Side of the picture's box, in pixels. */
  side: number;
  left: number;
  top: number;
  onPress: (event: MouseEvent, index: number) => void;
  onMark: (index: number) => void;
  onOpen: (index: number) => void;
}

export function tileId(index: number): string {
  return `tile-${index}`;
}

export function Tile({ folder, name, index, side, left, top, onPress, onMark, onOpen }: TileProps) {
  const words = useWords(dataset), item = folder.items.get(name);
  const isChosen = folder.chosen.has(name), isCurrent = folder.current === name;
  const draft = folder.drafts.get(name), text = draft?.text ?? item?.text ?? "";
  const said = item?.problem ??
    (text === "" ? words[item?.standing === "missing" ? "missing" : "empty"] : text);
  const mark = (event: MouseEvent) => {
    event.stopPropagation();
    onMark(index);
  };
  const classes = [
    ...["tile", isCurrent && "current", isChosen && "chosen", item?.leftOut && "left-out"],
  ].filter(Boolean).join(" ");
  return html`
    <div id=${tileId(index)} role="option" aria-selected=${String(isChosen)} aria-setsize=${folder.names
      .length}
      aria-posinset=${index + 1} aria-label=${item ? `${name}: ${said}` : name} class=${classes}
      style=${{ left: `${left}px`, top: `${top}px`, width: `${side}px` }}
      onClick=${(event: MouseEvent) => onPress(event, index)} onDblClick=${() => onOpen(index)}>
      <div class="tile-picture" style=${{ height: `${side}px` }}>
        ${item && html`
          <${ShownPicture} folder=${folder} item=${item} what="thumbnail" width=${side} height=${side}
            alt="" />
        `}
        <span class="tile-mark" aria-hidden="true" onClick=${mark}>${isChosen &&
          html`<${Icon} name="check" size=${16} />`}</span>
        <span class="tile-badges">
          ${item?.leftOut && html`<span class="badge bad">${words.leftOut}</span>`}
          ${draft && html`<span class="badge warn">${words.unsaved}</span>`}
          ${folder.over.crop && item?.placed &&
            html`<span class="badge accent">${item.placed.bucket.join("×")}</span>`}
        </span>
      </div>
      <div class="tile-name">
        <${Name} text=${name} />
      </div>
      <p class=${`tile-text ${item?.problem ? "bad" : text === "" ? "none" : ""}`} dir="auto">
        ${item ? said.slice(0, 200) : ""}
      </p>
    </div>
  `;
}
