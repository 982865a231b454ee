/** The index page of --debug_dataset. */

export interface Row {
  readonly step: number;
  /** Of the page's folder; null where there are only latents. */
  readonly picture: string | null;
  readonly mask: string | null;
  /** What a ControlNet sees, or a mask. */
  readonly conditioning: string | null;
  readonly path: string;
  readonly caption: string;
  /** What else there is to say, by name. */
  readonly facts: Readonly<Record<string, string>>;
}

/** A page that needs nothing but the pictures beside it. */
export function datasetPage(title: string, notes: readonly string[], rows: readonly Row[]): string {
  return [
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
    `<title>${escaped(title)}</title>`,
    "<style>body{font:14px/1.5 system-ui,sans-serif;margin:2em;color-scheme:light dark}figure{display:flex;gap:1em;margin:1em 0}" +
    "img{max-height:20em;border:1px solid #888}figcaption{max-width:60em}code{white-space:pre-wrap}dt{float:left;clear:left;width:9em}" +
    "dd{margin-left:9em}</style></head><body>",
    `<h1>${escaped(title)}</h1>`,
    ...notes.map((note) => `<p>${escaped(note)}</p>`),
    ...rows.map(figure),
    "</body></html>",
    "",
  ].join("\n");
}

function figure({ step, picture, mask, conditioning, path, caption, facts }: Row): string {
  const image = (name: string | null, alt: string) =>
    name === null ? "" : `<img src="${encodeURIComponent(name)}" alt="${alt}">`;
  const list = Object.entries({ step: String(step), file: path, ...facts }).map(([name, text]) =>
    `<dt>${escaped(name)}</dt><dd>${escaped(text)}</dd>`
  );
  return `<figure>${image(picture, "picture")}${image(mask, "mask")}${
    image(conditioning, "conditioning")
  }<figcaption><code>${escaped(caption)}</code><dl>${list.join("")}</dl></figcaption></figure>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]!);
}
