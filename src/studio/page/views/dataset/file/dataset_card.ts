/** One [[datasets]]: its values, and its folders with theirs. */

import { Button, Field, type FieldTies, html, Name } from "../../../parts/mod.ts";
import { href } from "../../../router.ts";
import { datasetFile } from "../../../words/dataset_file.ts";
import { dataset as datasetWords } from "../../../words/dataset.ts";
import { fill, useWords } from "../../../words/mod.ts";
import { picturesText } from "../pictures_text.ts";
import type { Cells, DatasetDocument, DatasetFolderTold } from "../told.ts";
import { DATASET_FIELDS, type FileField, furtherKeys, SUBSET_FIELDS, typedOf, withCell } from "./cells.ts";
import { isTicked, valueOf } from "../../../value_of.ts";

type Dataset = DatasetDocument["datasets"][number];

interface CardProps {
  dataset: Dataset;
  /** Its number, where there are several. */
  title: number | null;
  folders: Readonly<Record<string, DatasetFolderTold>>;
  /** null takes it away. */
  onChange: (dataset: Dataset | null) => void;
}

export function DatasetCard({ dataset, title, folders, onChange }: CardProps) {
  const words = useWords(datasetFile), { values, subsets } = dataset;
  const set = (at: number, cells: Cells | null) =>
    onChange({ ...dataset, subsets: subsets.toSpliced(at, 1, ...cells ? [cells] : []) });
  const ending = typedOf(values.caption_extension);
  return html`
    <section class="card stack" aria-label=${fill(words.dataset, { n: title ?? 1 })}>
      ${title !== null && html`
        <div class="row">
          <h2>${fill(words.dataset, { n: title })}</h2>
          <${Button} kind="quiet" icon="trash" label=${fill(words.removeDataset, { n: title })}
            onClick=${() => onChange(null)} />
        </div>
      `}
      <${CellFields} cells=${values} fields=${DATASET_FIELDS} onChange=${(values: Cells) =>
        onChange({ ...dataset, values })} />
      ${subsets.length === 0 && html`<p class="muted">${words.noFolders}</p>`}
      ${subsets.map((cells, i) =>
        html`
          <${SubsetRow} key=${`${i} ${cells.image_dir}`} cells=${cells} ending=${ending}
            told=${folders[typedOf(cells.image_dir)]} onChange=${(cells: Cells | null) => set(i, cells)} />
        `
      )}
    </section>
  `;
}

interface SubsetProps {
  cells: Cells;
  /** Of captions, as the dataset has it. */
  ending: string;
  told: DatasetFolderTold | undefined;
  onChange: (cells: Cells | null) => void;
}

function SubsetRow({ cells, ending, told, onChange }: SubsetProps) {
  const words = useWords(datasetFile), counts = useWords(datasetWords), path = typedOf(cells.image_dir);
  const wanted = typedOf(cells.caption_extension) || ending || ".caption";
  return html`
    <div class="subset" role="group" aria-label=${path}>
      <div class="row">
        <a href=${href("dataset", path)}><${Name} text=${path} /></a>
        ${told && told.problem === null &&
          html`<span class="badge">${picturesText(told.pictures, counts)}</span>`}
        <${Button} kind="quiet" icon="close" label=${fill(words.removeFolder, { path })}
          onClick=${() => onChange(null)} />
      </div>
      ${told?.problem && html`<p class="problem-text" lang="en">${told.problem}</p>`}
      ${told && told.problem === null && told.ending !== wanted && html`
        <p class="hint">${fill(words.otherEnding, { ending: told.ending, wanted })}
          <${Button} kind="quiet" onClick=${() =>
            onChange(withCell(cells, "caption_extension", told.ending, "text"))}>${fill(words.useEnding, {
              ending: told.ending,
            })}<//></p>
      `}
      <${CellFields} cells=${cells} fields=${SUBSET_FIELDS} onChange=${onChange} />
    </div>
  `;
}

interface CellsProps {
  cells: Cells;
  fields: readonly FileField[];
  onChange: (cells: Cells) => void;
}

/** Keys that have no field of their own are shown as they are. */
function CellFields({ cells, fields, onChange }: CellsProps) {
  const words = useWords(datasetFile), further = furtherKeys(cells, fields);
  return html`
    <div class="cell-fields">
      ${fields.map(({ key, kind, standard }) =>
        html`
          <${Field} key=${key} label=${words[key as keyof typeof words]} beside=${kind === "box"}>${(
            ties: FieldTies,
          ) =>
            kind === "box"
              ? html`
                <input ...${ties} type="checkbox" checked=${cells[key] === "true"} onChange=${(
                  event: Event,
                ) =>
                  onChange(
                    withCell(
                      cells,
                      key,
                      isTicked(event) ? "true" : null,
                      kind,
                    ),
                  )} />
              `
              : html`
                <input ...${ties} type="text" spellcheck=${false} inputmode=${kind === "number"
                  ? "numeric"
                  : undefined} placeholder=${standard}
                  value=${typedOf(cells[key])} onInput=${(event: Event) =>
                    onChange(withCell(cells, key, valueOf(event), kind))} />
              `}<//>
        `
      )}
    </div>
    ${further.length > 0 && html`
      <p class="hint further">${further.map((key) =>
        html`
          <code key=${key}><bdi>${key}</bdi> = <bdi>${cells[key]}</bdi></code>
        `
      )}</p>
    `}
  `;
}
