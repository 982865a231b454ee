/** All pictures of a folder, of which only those in sight are drawn; the whole of it worked by keys. */

import { picturesText } from "./pictures_text.ts";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "../../parts/mod.ts";
import { useWords } from "../../words/mod.ts";
import { dataset } from "../../words/dataset.ts";
import type { FolderState } from "./folder_state.ts";
import { Tile, tileId } from "./tile.ts";

/** Pixels: least width of a tile, the space between, name and two lines of text below. */
const LEAST = 148, GAP = 8, BELOW = 62, EDGE = 2;

interface GridProps {
  folder: FolderState;
  /** Enter, or a double click: to the caption. */
  onOpen: () => void;
  onUndo: (way: "undo" | "redo") => void;
}

export function Grid({ folder, onOpen, onUndo }: GridProps) {
  const words = useWords(dataset), box = useRef<HTMLDivElement>(null), anchor = useRef(0);
  const [{ width, height }, setSize] = useState({ width: 800, height: 600 }), [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const measure = () =>
      setSize({ width: box.current!.clientWidth - 2 * EDGE, height: box.current!.clientHeight });
    const observer = new ResizeObserver(measure);
    measure();
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  const { names, current, chosen } = folder;
  const columns = Math.max(2, Math.floor((width + GAP) / (LEAST + GAP)));
  const side = Math.floor((width - GAP * (columns - 1)) / columns), row = side + BELOW + GAP;
  const first = Math.max(0, Math.floor(top / row) - 1) * columns;
  const last = Math.min(names.length, (Math.ceil((top + height) / row) + 1) * columns);
  const seen = names.slice(first, last), at = current === null ? -1 : names.indexOf(current);

  useEffect(() => folder.want(seen), [first, last, names, folder.want]);
  useEffect(() => {
    if (at < 0) return;
    const start = Math.floor(at / columns) * row, view = box.current!;
    if (start < view.scrollTop) view.scrollTop = start;
    else if (start + row > view.scrollTop + view.clientHeight) {
      view.scrollTop = start + row - view.clientHeight;
    }
  }, [at, columns, row]);

  const choose = (index: number, kind: "only" | "toggle" | "range") => {
    const name = names[index];
    if (name === undefined) return;
    if (kind === "range") {
      const [from, to] = [anchor.current, index].sort((a, b) => a - b);
      folder.setChosen([...chosen, ...names.slice(from, to + 1)]);
    } else {
      anchor.current = index;
      if (kind === "only") folder.setChosen([]);
      else {folder.setChosen(
          chosen.has(name) ? [...chosen].filter((other) => other !== name) : [...chosen, name],
        );}
    }
    folder.setCurrent(name);
  };
  const press = (event: MouseEvent, index: number) => {
    box.current!.focus({ preventScroll: true });
    choose(index, event.shiftKey ? "range" : event.ctrlKey || event.metaKey ? "toggle" : "only");
  };
  const open = (index: number) => {
    folder.setCurrent(names[index]);
    onOpen();
  };
  const page = Math.max(1, Math.floor(height / row)) * columns;
  const moves: Readonly<Record<string, number>> = {
    ...{ ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + columns, ArrowUp: at - columns },
    ...{ PageDown: at + page, PageUp: at - page, Home: 0, End: names.length - 1 },
  };
  const key = (event: KeyboardEvent) => {
    const command = event.ctrlKey || event.metaKey, letter = event.key.toLowerCase();
    if (event.key in moves && !command) {
      const to = Math.max(0, Math.min(names.length - 1, moves[event.key]));
      if (event.shiftKey) choose(to, "range");
      else {
        anchor.current = to;
        folder.setCurrent(names[to] ?? null);
      }
    } else if (event.key === " ") choose(at, "toggle");
    else if (event.key === "Enter") onOpen();
    else if (event.key === "Escape" && chosen.size > 0) folder.setChosen([]);
    else if (command && letter === "a") folder.setChosen(names);
    else if (command && letter === "z") onUndo(event.shiftKey ? "redo" : "undo");
    else if (command && letter === "y") onUndo("redo");
    else return;
    event.preventDefault();
  };
  const place = (index: number) => ({
    left: EDGE + (index % columns) * (side + GAP),
    top: EDGE + Math.floor(index / columns) * row,
  });
  return html`
    <div class="grid" role="listbox" aria-multiselectable="true" aria-label=${picturesText(
      names.length,
      words,
    )}
      aria-activedescendant=${at >= first && at < last ? tileId(at) : undefined} tabindex="0" ref=${box}
      onKeyDown=${key} onScroll=${(event: Event) => setTop((event.currentTarget as HTMLElement).scrollTop)}>
      <div class="grid-all" role="presentation" style=${{
        height: `${Math.ceil(names.length / columns) * row}px`,
      }}>
        ${seen.map((name, i) =>
          html`
            <${Tile} key=${name} folder=${folder} name=${name} index=${first + i} side=${side}
              ...${place(first + i)}
              onPress=${press} onOpen=${open} onMark=${(index: number) => choose(index, "toggle")} />
          `
        )}
      </div>
    </div>
  `;
}
