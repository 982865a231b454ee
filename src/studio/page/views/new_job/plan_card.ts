/** Memory and time of a training, asked anew when its form has settled; never beside a job that runs, unless it is asked for. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Planned } from "../../../form/plan.ts";
import type { QueueView } from "../../../queue/shown.ts";
import { keep, kept } from "../../kept.ts";
import { Button, ErrorLine, html, ProgressBar } from "../../parts/mod.ts";
import { useTopic } from "../../events.ts";
import { post } from "../../server.ts";
import { newJob } from "../../words/new_job.ts";
import { fill, number, useWords } from "../../words/mod.ts";
import { durationText } from "../queue/duration.ts";
import type { Editing } from "./draft.ts";
import { isTicked } from "../../value_of.ts";

/** Longer than a reading takes: a plan costs seconds of all cores. */
const PAUSE = 1200;

export function PlanCard({ command, editing }: { command: string; editing: Editing }) {
  const words = useWords(newJob), [planned, setPlanned] = useState<Planned | null>(null);
  const [asking, setAsking] = useState(false), [always, setAlways] = useState(kept("plan as typed") !== "no");
  const queue = useTopic<QueueView>("queue");
  const running = (queue?.running.length ?? 0) > 0;
  const asked = useRef(0), { reading, settled, draft } = editing;
  const ready = settled && reading !== null && reading.problems.length === 0;
  const ask = async () => {
    const mine = ++asked.current;
    setAsking(true);
    const answer = await post<Planned>(`/api/plan/${command}`, { draft }).catch((error): Planned => ({
      plan: null,
      error: error.message,
      notes: [],
    }));
    if (mine !== asked.current) return;
    setAsking(false);
    setPlanned(answer);
  };
  useEffect(() => {
    asked.current++; // what was asked before is about another form
    setAsking(false);
    if (!ready || !always || running) return;
    const timer = setTimeout(ask, PAUSE);
    return () => clearTimeout(timer);
  }, [reading?.line, ready, always, running]);
  const choose = (event: Event) => {
    const on = isTicked(event);
    setAlways(on);
    keep("plan as typed", on ? null : "no");
  };
  return html`
    <section class="card stack plan" aria-label=${words.plan} aria-busy=${String(asking)}>
      <div class="row">
        <h2>${words.plan}</h2>
        <${Button} busy=${asking} disabled=${!ready} onClick=${ask}>${words.planNow}<//>
        <label class="row"><input type="checkbox" checked=${always} onChange=${choose} /> ${words
          .planAsTyped}</label>
      </div>
      ${running && always && html`<p class="hint">${words.planPaused}</p>`}
      ${asking && html`<${ProgressBar} label=${words.planning} />`}
      <div aria-live="polite">
        ${planned?.plan && html`<${Numbers} plan=${planned.plan} />`}
        ${planned && ready && html`<${ErrorLine} text=${planned.error} />`}
        ${planned?.notes.map((note) => html`<p key=${note} class="hint" lang="en">${note}</p>`)}
      </div>
    </section>
  `;
}

type Plan = NonNullable<Planned["plan"]>;

const gigabytes = (bytes: number) => `${number(bytes / 2 ** 30, bytes < 2 ** 30 ? 2 : 1)} GiB`;

function Numbers({ plan }: { plan: Plan }) {
  const words = useWords(newJob), of = (name: string) => plan[name] as number;
  const each = of("seconds_per_step");
  const seconds = each * of("steps") + (of("validations") ?? 0) * (of("seconds_per_validation") ?? 0);
  const again = plan.segments ? fill(words.of, { n: of("recomputed_segments"), m: of("segments") }) : null;
  const rows: readonly (readonly [string, string | null])[] = [
    [words.peak, gigabytes(of("peak_bytes"))],
    [words.weights, gigabytes(of("parameter_bytes"))],
    [words.activations, gigabytes(of("program_bytes"))],
    [words.itself, of("process_bytes") ? gigabytes(of("process_bytes")) : null],
    [words.again, again],
    [words.steps, number(of("steps"))],
    [words.epochs, plan.epochs ? number(of("epochs")) : null],
    [words.perStep, number(each, each < 1 ? 3 : 1)],
    [words.total, durationText(seconds)],
  ];
  return html`
    <dl class="plan-numbers">${rows.filter(([, value]) => value !== null).map(([title, value], i) =>
      html`
        <div key=${title} class=${i === 0 || i === rows.length - 1 ? "main" : ""}>
          <dt>${title}</dt>
          <dd class="numeric">${value}</dd>
        </div>
      `
    )}</dl>
  `;
}
