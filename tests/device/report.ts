/** What is printed of rows, under a number of characters, and the same uncut in files. */

import { type Ended, outcome } from "./run_row.ts";

/** A lent machine gives back this much of what a command prints. */
const MOST = 11_900, MOST_OF_NUMBERS = 10_400, LONGEST = 240, LINES_OF_A_FAILURE = 4;

/** Numbers that are printed; the others are in facts.txt only. Single ops are called by their sizes. */
const PRINTED =
  /\.(median|gpu|host|launches|used|losses|rate|first_step|error|tflops|gbs|load|card|glibc|nvcc|cores)$|^(own|hopper|hopper_tried|blocks128|tried|nvidia|torch)\.[a-zA-Z]+_\S+$/;
/** Of what takes longest, the printed: a training step's. */
const PRINTED_TOP = /^TOP \S+\.step |^(NOTE|SKIP) /;

export class Report {
  #printed = 0;
  #facts = 0;
  readonly summary: string[] = [];

  constructor(
    private readonly write: (line: string) => void,
    private readonly writeFact: (line: string) => void,
  ) {}

  get facts(): number {
    return this.#facts;
  }

  /** A line that should be seen: cut only where hardly any room is left. */
  say(line: string): void {
    this.#print(line, 400, MOST);
  }

  /** A line of numbers: printed while there is room. */
  more(line: string): void {
    this.#print(line, LONGEST + 20, MOST_OF_NUMBERS);
  }

  #print(line: string, longest: number, most: number): void {
    this.summary.push(line);
    const text = line.slice(0, longest);
    if (this.#printed + text.length + 1 > most) return;
    this.#printed += text.length + 1;
    this.write(text);
  }

  fact(line: string): void {
    this.#facts++;
    this.writeFact(line);
    this.more(line);
  }

  /** A row of one process. */
  row(ended: Ended, at: number): void {
    this.say(
      `ROW ${ended.name} ${outcome(ended.status)} ${ended.seconds}s at ${at} ${resultOf(ended.log)}`.trim(),
    );
    if (ended.status !== 0) this.#failure(ended);
    this.#numbers(ended);
  }

  /** A row of many processes: one line, then what failed. */
  rows(name: string, all: readonly Ended[], seconds: number, at: number): void {
    const bad = all.filter(({ status }) => status !== 0);
    const sum = (pattern: RegExp) =>
      all.reduce((n, { log }) => n + Number(pattern.exec(resultOf(log))?.[1] ?? 0), 0);
    this.say(
      `ROW ${name} ${bad.length ? "FAIL" : "ok"} ${seconds}s at ${at} ${
        all.length - bad.length
      } of ${all.length} files; ` +
        `${sum(/(\d+) passed/)} passed, ${sum(/(\d+) failed/)} failed`,
    );
    for (const ended of bad) {
      this.say(`  ${ended.name} ${outcome(ended.status)} ${ended.seconds}s ${resultOf(ended.log)}`);
      this.#failure(ended);
    }
    for (const ended of all) this.#numbers(ended);
  }

  #failure({ log }: Ended): void {
    for (const line of failuresIn(log)) this.more(`  ${line}`);
  }

  #numbers({ log }: Ended): void {
    const facts = log.split("\n").filter((line) => line.startsWith("FACT "));
    this.#facts += facts.length;
    facts.forEach(this.writeFact);
    for (
      const line of together(facts.filter((line) => PRINTED.test(line.split(" ")[1])))
    ) {
      this.more(line);
    }
    for (const line of log.split("\n")) if (PRINTED_TOP.test(line)) this.more(line);
  }
}

/** The last line that counts passes and failures, or says what a sanitizer found. */
function resultOf(log: string): string {
  return log.split("\n").filter((line) => /^(ok|FAILED) \| |^\d+ passed, |^worst |ERROR SUMMARY/.test(line))
    .at(-1) ?? "";
}

/** What a failed process said of it: its errors, each once; without any, its last line. */
export function failuresIn(log: string): string[] {
  const lines = log.split("\n").filter((line) => line.trim());
  const errors = lines.filter((line) =>
    /error:|Error: |^FAIL |^FACT .* NOT_FINITE|cuda:|CUDA_ERROR|=> .*_test/.test(line) &&
    !/AssertionError$|error: Test failed/.test(line)
  );
  const said = errors.length ? [...new Set(errors)].slice(0, LINES_OF_A_FAILURE) : lines.slice(-1);
  return said.map((line) => line.trim().slice(0, LONGEST));
}

/** Facts of one thing (all of their names but the last part) on one line, until it is long. */
export function together(facts: readonly string[]): string[] {
  const lines: string[] = [];
  let of = "", line = "";
  for (const fact of facts) {
    const [, name, ...rest] = fact.split(" "), dot = name.lastIndexOf(".");
    const thing = name.slice(0, dot), isRate = /\/s \d+%$/.test(fact);
    const value = rest.length > 3 && !isRate ? rest.slice(0, 2) : rest; // words are for facts.txt
    const text = `${name.slice(dot + 1)} ${value.join(" ")}`;
    if (thing === of && line.length + text.length < LONGEST) line += `, ${text}`;
    else {
      if (line) lines.push(line);
      [of, line] = [thing, `FACT ${thing}: ${text}`];
    }
  }
  return line ? [...lines, line] : lines;
}
