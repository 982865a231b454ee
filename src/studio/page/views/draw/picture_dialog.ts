/** One picture at its whole size, and how it was drawn. */

import { useEffect } from "preact/hooks";
import type { GalleryPicture } from "../../../draw/shown.ts";
import type { PictureSettings } from "../../../draw/shown.ts";
import { Button, Dialog, ErrorLine, html, Icon, Picture } from "../../parts/mod.ts";
import { useLoaded, withQuery } from "../../server.ts";
import { draw } from "../../words/draw.ts";
import { useWords } from "../../words/mod.ts";
import { pictureUrl } from "./gallery.ts";

/** A picture of the gallery, or one that was dropped on the page. */
export type Looked =
  | { readonly picture: GalleryPicture; readonly all: readonly GalleryPicture[] }
  | { readonly name: string; readonly src: string; readonly settings: PictureSettings };

interface Props {
  looked: Looked | null;
  onLook: (looked: Looked | null) => void;
  onUse: (settings: PictureSettings) => void;
}

export function PictureDialog({ looked, onLook, onUse }: Props) {
  const words = useWords(draw), kept = looked && "picture" in looked ? looked : null;
  const loaded = useLoaded<PictureSettings>(
    kept && withQuery("/api/draw/settings", { path: kept.picture.path }),
  );
  const settings = looked && "settings" in looked ? looked.settings : loaded.data;
  const at = kept ? kept.all.findIndex(({ path }) => path === kept.picture.path) : -1;
  const go = (by: number) => {
    const next = kept?.all[at + by];
    if (kept && next) onLook({ picture: next, all: kept.all });
  };
  useEffect(() => {
    if (!kept) return;
    const onKey = ({ key }: KeyboardEvent) =>
      key === "ArrowLeft" ? go(-1) : key === "ArrowRight" ? go(1) : undefined;
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
  const name = kept ? kept.picture.name : looked && "name" in looked ? looked.name : "";
  const src = kept
    ? pictureUrl(kept.picture.path, kept.picture.changed)
    : looked && "src" in looked
    ? looked.src
    : "";
  const actions = settings && settings.by !== null && settings.prompt !== null &&
    html`<${Button} kind="primary" icon="undo" onClick=${() => onUse(settings)}>${words.useAgain}<//>`;
  return html`
    <${Dialog} wide title=${html`<bdi>${name}</bdi>`} open=${looked !== null} onClose=${() => onLook(null)}
      actions=${actions}>
      <div class="draw-look">
        <div class="stack">
          <${Picture} src=${src} alt=${name} />
          ${kept && html`
            <div class="row">
              <${Button} icon="left" label=${words.before} disabled=${at <= 0} onClick=${() => go(-1)} />
              <${Button} icon="right" label=${words
                .next} disabled=${at >= kept.all.length - 1} onClick=${() => go(1)} />
              <a class="button" href=${src} target="_blank"
                rel="noopener"><${Icon} name="pictures" size=${18} /> ${words
                  .whole}</a>
            </div>
          `}
        </div>
        <div class="stack">
          <${ErrorLine} text=${loaded.error} />
          ${settings && html`<${Settings} settings=${settings} />`}
        </div>
      </div>
      <//>
  `;
}

function Settings({ settings }: { settings: PictureSettings }) {
  const words = useWords(draw), { by, width, height, loras, texts } = settings;
  const rows: [string, unknown][] = [
    ...[[words.prompt, settings.prompt], [words.negative, settings.negativePrompt]] as [string, unknown][],
    [words.loras, loras.map(({ name, strength }) => `${name} × ${strength}`).join(", ")],
    ...[[words.seed, settings.seed], [words.sampler, settings.sampler]] as [string, unknown][],
    ...[[words.steps, settings.steps], [words.scale, settings.scale]] as [string, unknown][],
    [words.size, width && height ? `${width} × ${height}` : null],
    ...[[words.clipSkip, settings.clipSkip], [words.model, settings.model]] as [string, unknown][],
  ];
  return html`
    <h3>${words.settings}</h3>
    ${by === null && html`<p class="muted">${words.noSettings}</p>`}
    ${by === "comfy" && html`<p class="muted">${words.comfy}</p>`}
    <dl class="facts">
      ${rows.filter(([, value]) => value !== null && value !== "").map(([label, value]) =>
        html`
          <div key=${label}>
            <dt>${label}</dt>
            <dd dir="auto">${String(value)}</dd>
          </div>
        `
      )}
    </dl>
    ${texts.length > 0 && html`
      <details>
        <summary>${words.texts}</summary>
        <dl class="facts">${texts.map(([key, text]) =>
          html`
            <div key=${key}>
              <dt><bdi>${key}</bdi></dt>
              <dd>
                <pre dir="auto">${text}</pre>
              </dd>
            </div>
          `
        )}</dl>
      </details>
    `}
  `;
}
