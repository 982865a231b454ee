import assert from "node:assert/strict";
import type { Progress } from "../../src/base/job.ts";
import { bytesText, durationText } from "../../src/cli/output.ts";
import { ProgressPrinter, type Surroundings } from "../../src/cli/progress.ts";

function screen(options: Partial<Surroundings>) {
  let text = "", time = 0;
  const around: Surroundings = {
    live: false,
    colour: false,
    columns: 80,
    write: (more) => void (text += more),
    now: () => time,
    ...options,
  };
  return { printer: new ProgressPrinter(around), text: () => text, pass: (ms: number) => void (time += ms) };
}

const at = (step: number, more: Partial<Progress> = {}): Progress => ({
  task: "training",
  step,
  total: 100,
  ...more,
});

Deno.test("in a pipe, a line comes at the start, every ten seconds and at the end", () => {
  const { printer, text, pass } = screen({});
  for (let step = 0; step <= 100; step++) {
    printer.update(at(step, { loss: 0.5 }));
    pass(500);
  }
  const lines = text().trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => line.split(",")[0]),
    [0, 20, 40, 60, 80, 100].map((s) => `training ${s}/100`),
  );
  assert.equal(lines[2], "training 40/100, loss 0.5000, 0.500 s/it, 0:30 left");
});

Deno.test("on a terminal the bar never grows wider than the screen and leaves no colour under NO_COLOR", () => {
  for (const columns of [20, 40, 80, 200]) {
    const { printer, text, pass } = screen({ live: true, columns });
    for (let step = 0; step <= 100; step++) {
      printer.update(at(step, { loss: 0.123456, memory: 2 ** 31, note: "saved a-file-000001.safetensors" }));
      pass(1000);
    }
    // deno-lint-ignore no-control-regex -- that is what is looked for
    assert.doesNotMatch(text(), /\x1b\[\d+m/);
    for (const bar of text().trimEnd().split("\r\x1b[K")) assert.ok(bar.length < columns, bar);
    assert.ok(text().endsWith("\n"));
  }
});

Deno.test("a log line replaces the bar and the bar comes back below it", () => {
  const { printer, text } = screen({ live: true });
  printer.update(at(1));
  const bar = text();
  printer.line("saved");
  assert.equal(text(), `${bar}\r\x1b[Ksaved\n${bar.replace("\r\x1b[K", "")}`);
});

Deno.test("steps of an earlier run do not count for the pace", () => {
  const { printer, text, pass } = screen({});
  printer.update(at(50, { resumedFrom: 50 }));
  pass(20_000);
  printer.update(at(60, { resumedFrom: 50 }));
  assert.match(text(), /training 60\/100, 2\.00 s\/it, 1:20 left\n$/);
});

Deno.test("a new task starts a new bar", () => {
  const { printer, text } = screen({ live: true });
  printer.update(at(1));
  printer.update({ task: "drawing", step: 0, total: 3 });
  assert.ok(text().includes("\n\r\x1b[Kdrawing 0/3"));
});

Deno.test("sizes and durations read as people write them", () => {
  assert.deepEqual([0, 1023, 1536, 2 ** 30, 200 * 2 ** 30].map(bytesText), [
    "0 B",
    "1023 B",
    "1.5 KB",
    "1.0 GB",
    "200 GB",
  ]);
  assert.deepEqual([0, 75, 3599.6, 3675].map(durationText), ["0:00", "1:15", "1:00:00", "1:01:15"]);
});
