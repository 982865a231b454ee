/** The pictures of a folder, the newest first, as they are drawn. */

import { useEffect, useState } from "preact/hooks";
import type { Gallery as Found, GalleryPicture } from "../../../draw/shown.ts";
import { Button, EmptyState, ErrorLine, html, Icon, Name, Picture } from "../../parts/mod.ts";
import { baseName, folderOf } from "../../path_names.ts";
import { href } from "../../router.ts";
import { useTopic } from "../../events.ts";
import { get, useLoaded, withQuery } from "../../server.ts";
import { draw } from "../../words/draw.ts";
import { fill, number, useWords } from "../../words/mod.ts";

export const pictureUrl = (path: string, changed?: number) =>
  withQuery("/api/draw/picture", { path, changed });
const thumbnailUrl = ({ path, changed }: GalleryPicture) =>
  withQuery("/api/draw/thumbnail", { path, changed });

interface Props {
  folder: string;
  onFolder: (path: string) => void;
  onOpen: (picture: GalleryPicture, all: readonly GalleryPicture[]) => void;
}

export function Gallery({ folder, onFolder, onOpen }: Props) {
  const words = useWords(draw);
  const { data, error, reload } = useLoaded<Found>(withQuery("/api/draw/gallery", { folder }));
  const [more, setMore] = useState<readonly GalleryPicture[]>([]);
  const changed = useTopic<{ changed: number | null }>(
    data ? `pictures:${encodeURIComponent(data.folder)}` : null,
  );
  useEffect(reload, [changed?.changed]);
  useEffect(() => setMore([]), [folder]);
  if (error) return html`<${ErrorLine} text=${error} retry=${reload} />`;
  if (!data) return null;
  const first = new Set(data.pictures.map(({ path }) => path));
  const pictures = [...data.pictures, ...more.filter(({ path }) => !first.has(path))];
  const showMore = async () => {
    const next = await get<Found>("/api/draw/gallery", { folder, from: pictures.length });
    setMore([...more, ...next.pictures]);
  };
  const above = folderOf(data.folder);
  return html`
    <section class="stack" aria-label=${words.gallery}>
      <div class="row">
        <h2><${Name} text=${baseName(data.folder)} /></h2>
        <span class="muted">${fill(words.count_, { n: number(data.count) })}</span>
        <${Button} kind="quiet" icon="up" label=${words.above} onClick=${() => onFolder(above)} />
      </div>
      ${data.grids.length > 0 && html`
        <ul class="draw-chips" aria-label=${words.grids}>
          ${data.grids.map(({ path, name }) =>
            html`<li key=${path}><a class="badge accent" href=${
              href("draw", "grid", path)
            }><${Name} text=${name} /></a></li>`
          )}
        </ul>
      `}
      ${data.folders.length > 0 && html`
        <ul class="draw-chips" aria-label=${words.folders}>
          ${data.folders.map(({ path, name }) =>
            html`
              <li key=${path}><button type="button" class="badge" onClick=${() => onFolder(path)}><${Icon}
                name="folder" size=${14} /> <${Name} text=${name} /></button></li>
            `
          )}
        </ul>
      `}
      ${pictures.length === 0
        ? html`<${EmptyState} icon="brush" title=${words.empty}>${words.emptyHint}<//>`
        : html`
          <ul class="draw-pictures">
            ${pictures.map((picture) =>
              html`
                <li
                  key=${picture.path}><button type="button" title=${picture.name} onClick=${() =>
                    onOpen(picture, pictures)}><${Picture} cover src=${thumbnailUrl(picture)} alt=${picture
                    .name} /></button></li>
              `
            )}
          </ul>
        `}
      ${pictures.length < data.count && html`
        <div>
          <${Button} onClick=${showMore}>${words.showMore}<//></div>
      `}
    </section>
  `;
}
