/** Curves over the steps: values under the pointer, marks of epochs, a range that is dragged out. */

import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import type { Points } from "../../../runs/shown.ts";
import { html } from "../../parts/mod.ts";
import { colorOf, useScheme } from "../../scheme.ts";
import { fill, number, useWords } from "../../words/mod.ts";
import { runs } from "../../words/runs.ts";
import { smoothed } from "./curves.ts";

export interface Line {
  readonly label: string;
  /** 1 to 8. */
  readonly color: number;
  readonly points: Points;
  /** Drawn over its own pale points. */
  readonly smooth?: number;
  readonly dashed?: boolean;
  /** Smooth without its points. */
  readonly alone?: boolean;
}

interface ChartProps {
  title: string;
  lines: readonly Line[];
  /** Steps before which an epoch begins. */
  marks?: readonly { readonly epoch: number; readonly step: number }[];
  onRange?: (from: number, to: number) => void;
  height?: number;
}

const DIGITS = 4;
const show = (value: number | null | undefined) =>
  value === null || value === undefined
    ? "–"
    : Math.abs(value) < 1e-3 && value !== 0
    ? value.toExponential(2)
    : String(Number(value.toPrecision(DIGITS)));

export function Chart({ title, lines, marks = [], onRange, height = 220 }: ChartProps) {
  const words = useWords(runs), scheme = useScheme();
  const box = useRef<HTMLDivElement>(null), plot = useRef<uPlot | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const state = useRef({ marks, onRange });
  state.current = { marks, onRange };
  const data = tableOf(lines),
    shape = lines.map((line) =>
      `${line.label} ${line.color} ${hasPale(line)} ${line.points.low !== undefined}`
    ).join();
  useEffect(() => {
    const options = optionsOf(lines, box.current!, height, state, setAt);
    const made = plot.current = new uPlot(options, data, box.current!);
    const resized = new ResizeObserver(() => made.setSize({ width: box.current!.clientWidth, height }));
    resized.observe(box.current!);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(data));
  useEffect(() => plot.current?.redraw(), [scheme]);
  const step = at === null ? null : data[0][at] as number;
  return html`
    <figure class="chart">
      <figcaption>
        <h3>${title}</h3>
        <${Readout} lines=${lines} step=${step} />
      </figcaption>
      <div ref=${box} role="img" aria-label=${fill(words.chart, { title })} />
    </figure>
  `;
}

/** The values at a step; of the last where none is pointed at. */
function Readout({ lines, step }: { lines: readonly Line[]; step: number | null }) {
  const words = useWords(runs);
  const value = ({ points: { steps, values } }: Line) => {
    if (step === null) return values.at(-1);
    const found = steps.findLastIndex((one) => one <= step);
    return found < 0 ? null : values[found];
  };
  return html`
    <p class="readout">
      ${step !== null && html`<span>${fill(words.atStep, { step: number(step) })}</span>`}
      ${lines.map((line) =>
        html`<span key=${line.label}><i class=${`swatch series-${line.color}`} /><bdi>${line.label}</bdi> ${
          show(value(line))
        }</span>`
      )}
    </p>
  `;
}

/** For each line its points, with smoothing the smooth ones, and the band of what shares a point. */
function tableOf(lines: readonly Line[]): uPlot.AlignedData {
  if (lines.every(({ points }) => points.steps.length === 0)) {
    return [[], ...lines.flatMap((line) => columns(line).map(() => []))] as unknown as uPlot.AlignedData;
  }
  return uPlot.join(
    lines.map((line) => [line.points.steps, ...columns(line)] as unknown as uPlot.AlignedData),
  );
}

const hasPale = ({ smooth = 0, alone = false }: Line) => smooth > 0 && !alone;

function columns(line: Line): (readonly (number | null)[])[] {
  const { points, smooth = 0 } = line;
  return [
    ...hasPale(line) ? [points.values] : [],
    smoothed(points, smooth),
    ...points.low ? [points.high!, points.low] : [],
  ];
}

function optionsOf(
  lines: readonly Line[],
  box: HTMLElement,
  height: number,
  state: { current: Pick<ChartProps, "marks" | "onRange"> },
  point: (at: number | null) => void,
): uPlot.Options {
  const series: uPlot.Series[] = [{}], bands: uPlot.Band[] = [];
  for (const line of lines) {
    const { color, points, dashed } = line;
    const ink = () => colorOf(`--series-${color}`), dash = dashed ? [6, 4] : undefined;
    if (hasPale(line)) {
      series.push({ stroke: () => pale(ink()), width: 1, spanGaps: true, points: { show: false } });
    }
    series.push({ stroke: ink, width: 1.8, dash, spanGaps: true, points: { show: points.steps.length < 3 } });
    if (!points.low) continue;
    const none = { stroke: "transparent", width: 0, points: { show: false } };
    series.push(none, none);
    bands.push({ series: [series.length - 2, series.length - 1], fill: () => faint(ink()) });
  }
  const axis = {
    stroke: () => colorOf("--muted"),
    grid: { stroke: () => colorOf("--line"), width: 1 },
  };
  return {
    ...{ width: box.clientWidth || 300, height, series, bands, legend: { show: false } },
    scales: { x: { time: false } },
    axes: [
      { ...axis, values: (_, splits) => splits.map((value) => number(value)) },
      { ...axis, size: 60, values: (_, splits) => splits.map(show) },
    ],
    cursor: { drag: { x: true, y: false, setScale: false } },
    hooks: {
      setCursor: [(plot) => point(plot.cursor.idx ?? null)],
      setSelect: [(plot) => {
        const { left, width } = plot.select;
        if (width > 4) state.current.onRange?.(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
      draw: [(plot) => drawMarks(plot, state.current.marks ?? [], colorOf("--edge"))],
    },
  };
}

/** More than so many lines would hide the curves. */
const MOST_MARKS = 30;

function drawMarks(plot: uPlot, marks: readonly { readonly step: number }[], color: string): void {
  const { ctx, bbox: { left, top, width, height } } = plot;
  const every = Math.ceil(marks.length / MOST_MARKS);
  ctx.save();
  ctx.strokeStyle = color;
  ctx.globalAlpha = 0.5;
  ctx.setLineDash([2, 4]);
  for (const [i, { step }] of marks.entries()) {
    const x = plot.valToPos(step, "x", true);
    if (i % every !== 0 || x < left || x > left + width) continue;
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
  }
  ctx.restore();
}

const pale = (color: string) => `color-mix(in srgb, ${color} 35%, transparent)`;
const faint = (color: string) => `color-mix(in srgb, ${color} 14%, transparent)`;
