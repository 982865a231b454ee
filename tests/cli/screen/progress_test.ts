// deno-lint-ignore-file no-control-regex -- escapes of terminals are what is looked for
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Progress } from "../../../src/base/job.ts";
import { bytesText } from "../../../src/base/bytes.ts";
import { durationText } from "../../../src/cli/screen/output.ts";
import { ProgressPrinter, type Surroundings } from "../../../src/cli/screen/progress.ts";
import { installed } from "../easel.ts";

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

Deno.test("what is drawn between two steps is no time of the training", () => {
  for (const live of [false, true]) {
    const { printer, text, pass } = screen({ live, columns: 200 });
    const draw = (step: number) => printer.update({ task: "drawing samples", step, total: 4 });
    for (let step = 0; step <= 50; step++) {
      printer.update(at(step));
      if (step % 10 === 0) {
        for (let i = 0; i <= 4; i++) {
          draw(i);
          pass(i < 4 ? 60_000 : 0);
        }
      }
      pass(1000);
    }
    printer.update(at(51));
    const paces = [...text().matchAll(/training .*?([\d.]+) s\/it.*? (\S+) left/g)].map((m) => m.slice(1));
    assert.deepEqual(paces.at(-1)![0], "1.00", text());
    assert.ok(paces.every(([pace]) => pace === "1.00"), text());
    draw(4);
    assert.equal(text().split("drawing samples 4/4").length, 7, "an end that is told twice is shown once");
    assert.ok(text().includes("drawing samples 0/4") && text().includes("drawing samples 4/4"));
  }
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

Deno.test("a bar that a narrower terminal has wrapped is drawn again over all of its rows", () => {
  let columns = 80, shown = "";
  const printer = new ProgressPrinter({
    live: true,
    colour: false,
    get columns() {
      return columns;
    },
    write: (more) => void (shown += more),
    now: () => 0,
  });
  const text = () => shown;
  printer.resize();
  assert.equal(text(), ""); // nothing stands there yet
  printer.update(at(1, { loss: 0.5, note: "saved a-file-000001.safetensors" }));
  const before = text(), bar = before.replace("\r\x1b[K", "");
  columns = 30;
  printer.resize();
  const redrawn = text().slice(before.length), rows = Math.ceil(bar.length / 30) - 1;
  assert.ok(redrawn.startsWith(`\x1b[${rows}A\r\x1b[J\r\x1b[K`), JSON.stringify(redrawn));
  assert.ok(redrawn.replace(/^.*\x1b\[K/s, "").length < 30);
  columns = 80;
  printer.resize();
  assert.ok(text().endsWith(`\r\x1b[K${bar}`));
});

/** The job on a pseudo-terminal of util-linux's script. */
async function onTerminal(env: Record<string, string>): Promise<string> {
  const job = join(import.meta.dirname!, "resizing_job.ts");
  const line = [Deno.execPath(), "run", "--quiet", "-A", "--no-check", job].map((word) => `'${word}'`).join(
    " ",
  );
  const kept = Object.entries(Deno.env.toObject()).filter(([name]) =>
    ["PATH", "HOME", "DENO_DIR"].includes(name)
  );
  const inherited: Record<string, string> = Object.fromEntries(kept);
  const out = await new Deno.Command("script", {
    args: ["-qec", line, "/dev/null"],
    stdin: "null",
    clearEnv: true,
    env: { ...inherited, ...env },
  }).output();
  assert.equal(out.code, 0, new TextDecoder().decode(out.stderr));
  return new TextDecoder().decode(out.stdout);
}

const terminals = Boolean(installed("script") && installed("stty") && Deno.build.os === "linux");

Deno.test("on a real terminal the bar follows the width, and log lines do not break it", {
  ignore: !terminals,
}, async () => {
  const text = await onTerminal({ TERM: "xterm" });
  const bars = text.replace(/\x1b\[\d+m/g, "").split("\r\x1b[K").slice(1);
  assert.match(bars[0], /^training 1\/4 [#.]{10,} +loss 0\.5000 +a note at the end/);
  // after SIGWINCH: at most 39 columns
  const narrow = bars.find((bar) => /^training 1\/4/.test(bar) && bar.trimEnd().length < 40);
  assert.ok(narrow, JSON.stringify(bars));
  assert.ok(bars.some((bar) => bar.startsWith("a line\r\n")), JSON.stringify(bars));
  assert.match(bars.at(-1)!, /^training 4\/4 #* *loss 0\.2500.*\r\n$/s);
  assert.match(text, /\x1b\[36m/);
});

Deno.test("a terminal with TERM=dumb or CI gets plain lines, NO_COLOR a bar without colour", {
  ignore: !terminals,
}, async () => {
  const plain: Record<string, string>[] = [{ TERM: "dumb" }, { TERM: "xterm", CI: "true" }];
  for (const env of plain) {
    const text = await onTerminal(env);
    assert.doesNotMatch(text, /\x1b/);
    assert.deepEqual(text.trimEnd().split("\r\n").map((line) => line.split(",")[0]), [
      "training 1/4",
      "a line",
      "training 4/4",
    ]);
  }
  const text = await onTerminal({ TERM: "xterm", NO_COLOR: "1" });
  assert.match(text, /\r\x1b\[Ktraining 4\/4 #* *loss/);
  assert.doesNotMatch(text, /\x1b\[\d*m/);
});
