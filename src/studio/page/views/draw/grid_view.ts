/** A grid: what changes stands above and before its pictures. */

import { useEffect, useState } from "preact/hooks";
import type { AxisKind, SeenGrid } from "../../../draw/shown.ts";
import { Button, ErrorLine, html, Name, Picture, tellError, ViewHead } from "../../parts/mod.ts";
import { baseName } from "../../path_names.ts";
import { href } from "../../router.ts";
import { useTopic } from "../../events.ts";
import { useLoaded, withQuery } from "../../server.ts";
import { draw } from "../../words/draw.ts";
import { fill, useWords } from "../../words/mod.ts";
import { pictureUrl } from "./gallery.ts";
import { gridPng } from "./grid_png.ts";

export function GridView({ folder }: { folder: string }) {
  const words = useWords(draw), [saving, setSaving] = useState(false);
  const { data, error, reload } = useLoaded<SeenGrid>(withQuery("/api/draw/grid", { folder }));
  const changed = useTopic<{ changed: number | null }>(
    data ? `pictures:${encodeURIComponent(data.folder)}` : null,
  );
  useEffect(reload, [changed?.changed]);
  const back = html`<a class="button" href=${href("draw")}>${words.back}</a>`;
  if (!data) {
    return html`<${ViewHead} title=${words.gridOf}>${back}<//><${ErrorLine} text=${error} retry=${reload} />`;
  }
  const { x, y, cells, drawn } = data,
    total = cells.flat().length,
    there = drawn.flat().filter(Boolean).length;
  const save = async () => {
    setSaving(true);
    try {
      const isDrawn = new Set(cells.flatMap((row, r) => row.filter((_, c) => drawn[r][c])));
      const blob = await gridPng(data, async (name) => isDrawn.has(name) ? await bitmap(data, name) : null);
      saveAs(blob, `${baseName(data.folder)}.png`);
    } catch (failure) {
      tellError(failure);
    } finally {
      setSaving(false);
    }
  };
  const titles: Record<AxisKind, string> = {
    ...{ lora: words.kindLora, strength: words.kindStrength, steps: words.kindSteps },
    ...{ scale: words.kindScale, sampler: words.kindSampler, seed: words.kindSeed },
  };
  return html`
    <${ViewHead} title=${html`<${Name} text=${data.prompt} />`}>
      ${back}
      <${Button} kind="primary" icon="download" busy=${saving} disabled=${there === 0} onClick=${save}>${words
        .savePng}<//>
    <//>
    <p class="muted" aria-live="polite">${titles[x.kind]} × ${titles[y.kind]} · ${fill(words.drawn, {
      n: there,
      total,
    })}</p>
    <div class="draw-grid" tabindex="0" role="region" aria-label=${words.gridOf}>
      <table>
        <thead><tr><td></td>${x.labels.map((label, i) =>
          html`
            <th key=${i} scope="col">
              <${Name} text=${label} />
            </th>
          `
        )}</tr></thead>
        <tbody>${cells.map((row, r) =>
          html`
            <tr key=${r}><th scope="row"><${Name} text=${y.labels[r]} /></th>${row.map((name, c) => {
              const path = `${data.folder}/${name}`, alt = `${x.labels[c]}, ${y.labels[r]}`;
              return html`
                <td key=${c}>${drawn[r][c]
                  ? html`<a href=${pictureUrl(path)} target="_blank" rel="noopener"><${Picture} src=${
                    pictureUrl(path)
                  }
                    alt=${alt} width=${data.width} height=${data.height} /></a>`
                  : html`<span class="muted">${words.notDrawn}</span>`}</td>
              `;
            })}</tr>
          `
        )}</tbody>
      </table>
    </div>
  `;
}

async function bitmap({ folder }: SeenGrid, name: string): Promise<ImageBitmap> {
  const answer = await fetch(pictureUrl(`${folder}/${name}`));
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return await createImageBitmap(await answer.blob());
}

/** The browser keeps it where it keeps downloads. */
function saveAs(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
