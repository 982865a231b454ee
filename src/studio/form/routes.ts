/** /api/form, /api/paste, /api/plan, /api/complete, /api/presets: what a form is made of, and what is in it. */

import { isPathKind } from "../../options/endings.ts";
import { rowsOf } from "../../options/mod.ts";
import { UserError } from "../../base/errors.ts";
import { json } from "../server/answers.ts";
import { bodyOf, type Fields, wordField } from "../fields.ts";
import { Refused, type Route, type Studio, type StudioCommand } from "../studio.ts";
import { completedPaths } from "./complete.ts";
import { type Draft, EMPTY, readDraft, refitted, unmasked } from "./draft.ts";
import { commandForm } from "./form.ts";
import { lineOf, wordsOf } from "./line.ts";
import { readLine, readPasted } from "./pasted.ts";
import { planOf } from "./plan.ts";
import { FORM_PRESETS } from "./presets.ts";
import { verdictOf } from "./problems.ts";
import { draftOfToml, tomlOf } from "./toml.ts";

/** The three views of a form, what a job is given, and what stands in its way. */
function reading(command: StudioCommand, draft: Draft, studio: Studio) {
  const rows = rowsOf(command.groups);
  return {
    command: command.name,
    draft,
    toml: tomlOf(draft, rows),
    line: lineOf(command.name, draft, rows),
    args: wordsOf(draft, rows),
    ...verdictOf(command, draft, studio.folders),
  };
}

/** `draft`, `toml` or `line` of the body: the view that was edited; `before` is what the form held, for masked secrets. */
async function edited(command: StudioCommand, body: Fields, studio: Studio) {
  const rows = rowsOf(command.groups);
  const before = body.before === undefined ? EMPTY : readDraft(body.before);
  if (body.toml !== undefined) {
    const read = draftOfToml(wordField(body, "toml"), rows);
    return { command, draft: { ...unmasked(read, before, rows), positionals: before.positionals } };
  }
  if (body.line !== undefined) {
    const read = await readLine(wordField(body, "line"), command.name, studio.catalogue);
    return { command: read.command, draft: unmasked(read.draft, before, rowsOf(read.command.groups)) };
  }
  return { command, draft: refitted(readDraft(body.draft ?? {}), rows) };
}

export const routes: readonly Route[] = [
  {
    method: "GET",
    path: "/api/form/:command",
    answer: async ({ params }, { catalogue }) => json(commandForm(await catalogue.load(params.command))),
  },
  {
    method: "POST",
    path: "/api/form/:command",
    async answer(asked, studio) {
      const body = await bodyOf(asked);
      const command = await studio.catalogue.load(asked.params.command);
      const read = await edited(command, body, studio);
      return json(reading(read.command, read.draft, studio));
    },
  },
  {
    method: "POST",
    path: "/api/paste",
    async answer(asked, studio) {
      const body = await bodyOf(asked), current = wordField(body, "command");
      const { command, draft, kind, notes } = await readPasted(
        wordField(body, "text"),
        current,
        studio.catalogue,
      );
      const read = reading(command, draft, studio);
      return json({ ...read, kind, notes: [...notes, ...read.notes] });
    },
  },
  {
    method: "POST",
    path: "/api/plan/:command",
    async answer(asked, studio) {
      const body = await bodyOf(asked), command = await studio.catalogue.load(asked.params.command);
      if (!command.plans) throw new UserError(`there is nothing to plan for ${command.name}`);
      const draft = refitted(readDraft(body.draft ?? {}), rowsOf(command.groups));
      const { problems } = verdictOf(command, draft, studio.folders);
      if (problems.length) return json({ plan: null, error: problems[0].message, notes: [] });
      const args = wordsOf(draft, rowsOf(command.groups));
      return json(await planOf(studio, { command: command.name, args }, asked.request.signal));
    },
  },
  {
    method: "GET",
    path: "/api/complete",
    answer({ url }, studio) {
      const query = Object.fromEntries(url.searchParams), { typed = "", kind = "file" } = query;
      if (!isPathKind(kind)) throw new Refused(400, `${kind}: is no kind of path`);
      return json(completedPaths(typed, kind, studio.folders));
    },
  },
  { method: "GET", path: "/api/presets", answer: () => json(FORM_PRESETS) },
];
