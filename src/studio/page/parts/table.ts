import type { ComponentChildren } from "preact";
import { html } from "./html.ts";

export interface Column<R> {
  readonly name: string;
  /** The heading; also what stands before the value on a phone. */
  readonly title: string;
  /** Numbers stand to the right, their digits below each other. */
  readonly numeric?: boolean;
  show(row: R): ComponentChildren;
}

interface TableProps<R> {
  /** What the table is of, for readers of the screen. */
  caption: string;
  columns: readonly Column<R>[];
  rows: readonly R[];
  keyOf: (row: R) => string;
  /** The row that is looked at. */
  current?: string;
}

/** Rows become cards on a phone's width. */
export function Table<R>({ caption, columns, rows, keyOf, current }: TableProps<R>) {
  return html`
    <table class="table">
      <caption class="unseen">${caption}</caption>
      <thead>
        <tr>${columns.map(({ name, title, numeric }) =>
          html`<th key=${name} scope="col" class=${numeric ? "numeric" : ""}>${title}</th>`
        )}</tr>
      </thead>
      <tbody>
        ${rows.map((row) =>
          html`
            <tr key=${keyOf(row)} aria-current=${keyOf(row) === current ? "true" : undefined}>
              ${columns.map(({ name, title, numeric, show }) =>
                html`<td key=${name} data-title=${title} class=${numeric ? "numeric" : ""}>${show(row)}</td>`
              )}
            </tr>
          `
        )}
      </tbody>
    </table>
  `;
}
