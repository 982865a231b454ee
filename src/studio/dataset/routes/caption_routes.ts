/** Captions changed one by one and many at once, and taken back. */

import { json } from "../../server/answers.ts";
import { basename } from "node:path";
import { UserError } from "../../../base/errors.ts";
import { encodeTextLike } from "../../../formats/text_file.ts";
import { Refused, type Route, type Studio } from "../../studio.ts";
import { type CaptionBytes, captionBytes, stateOf } from "../captions/caption_file.ts";
import { type CaptionConflict, changeCaptions, type Moved, moveStep } from "../captions/change.ts";
import { editTags, type TagEdit, tagsOf } from "../captions/tags.ts";
import type { CaptionChange } from "../captions/undo_steps.ts";
import type { ConflictTold, MovedTold } from "../shown.ts";
import { type OpenFolder, roomFor } from "../room.ts";
import { bodyOf, choiceField, flagField, numberField, queryOf, wordField, wordsField } from "../../fields.ts";
import { inTurns } from "../in_turns.ts";
import { answerInLines } from "./lines.ts";
import { itemOf, opened } from "./listing_routes.ts";
import { stepsTold } from "./steps_told.ts";

/** A caption that is written, its file in the user's folders also where it is a link. */
function target(folder: OpenFolder, name: string, { folders }: Studio): string {
  const { captionPath } = folder.picture(name);
  folders.inside(captionPath);
  return captionPath;
}

function textIn(bytes: CaptionBytes, path: string): string {
  const { text, problem } = stateOf(bytes, path);
  if (problem !== null) throw new UserError(problem);
  return text ?? "";
}

function toldConflict({ path, theirs, ours }: CaptionConflict): ConflictTold {
  const { text, version } = stateOf(theirs, path);
  return { file: basename(path), theirs: text, version, mine: stateOf(ours, path).text };
}

const CHANGED = "was changed by another program since it was read";

function told({ step, changed, conflicts }: Moved, folder: OpenFolder, studio: Studio): MovedTold {
  const files = conflicts.slice(0, MOST_CONFLICTS).map(toldConflict);
  return { step, changed: changed.length, conflicts: files, steps: stepsTold(folder, studio) };
}

const MOST_CONFLICTS = 100;

const putCaption: Route = {
  method: "PUT",
  path: "/api/dataset/caption",
  async answer(asked, studio) {
    const body = await bodyOf(asked), folder = opened(body, studio), name = wordField(body, "name");
    const path = target(folder, name, studio), before = captionBytes(path), now = stateOf(before, path);
    const text = wordField(body, "text").replace(/\r\n?/g, "\n");
    if (text.includes("\0")) throw new Refused(400, "a caption holds no characters of 0; take them out");
    if (now.version !== wordField(body, "version")) {
      const conflict = { theirs: now.text, version: now.version, mine: text };
      return json({ error: `${path}: ${CHANGED}`, ...conflict }, 409);
    }
    textIn(before, path); // what is no text is not overwritten
    const changes = text === (now.text ?? "")
      ? []
      : [{ path, before, after: encodeTextLike(text, before) as CaptionBytes }];
    const moved = await folder.steps.alone(() => changeCaptions(folder.steps, { kind: "edit" }, changes));
    if (moved.conflicts.length > 0) {
      const [conflict] = moved.conflicts.map(toldConflict);
      return json({ error: `${path}: ${CHANGED}`, ...conflict }, 409);
    }
    const [listed] = folder.listing.again([name]);
    return json({
      item: itemOf(roomFor(studio), folder, listed),
      steps: stepsTold(folder, studio),
    });
  },
};

function tagEditOf(body: Readonly<Record<string, unknown>>): TagEdit {
  const kind = choiceField(body, "kind", ["add", "remove", "replace", "front"]);
  const tags = wordsField(body, "tags").flatMap(tagsOf);
  if (tags.length === 0) throw new Refused(400, "tags: none is given");
  if (kind === "add") return { kind, tags, at: choiceField(body, "at", ["front", "end"], "end") };
  return kind === "replace" ? { kind, tags, by: wordsField(body, "by").flatMap(tagsOf) } : { kind, tags };
}

/** What would become of the captions of `names`; files that are no text are told and left as they are. */
async function plannedChanges(
  folder: OpenFolder,
  names: readonly string[],
  edit: TagEdit,
  studio: Studio,
) {
  const changes: CaptionChange[] = [], problems: string[] = [], seen = new Set<string>();
  await inTurns(names, (name) => {
    try {
      const path = target(folder, name, studio), before = captionBytes(path), text = textIn(before, path);
      const after = editTags(text, edit);
      if (after === text || seen.has(path)) return;
      seen.add(path); // names with a face box may share one
      changes.push({ path, before, after: encodeTextLike(after, before) as CaptionBytes });
    } catch (error) {
      if (!(error instanceof UserError || error instanceof Refused)) throw error;
      problems.push(error.message);
    }
  });
  return { changes, problems };
}

const editTagsOfMany: Route = {
  method: "POST",
  path: "/api/dataset/tags",
  async answer(asked, studio) {
    const body = await bodyOf(asked), folder = opened(body, studio), edit = tagEditOf(body);
    const { changes, problems } = await plannedChanges(folder, wordsField(body, "names"), edit, studio);
    if (flagField(body, "preview", false)) {
      const first = changes.slice(0, MOST_SHOWN).map(({ path, before, after = null }) => ({
        ...{ file: basename(path), before: stateOf(before, path).text, after: stateOf(after, path).text },
      }));
      return json({ count: changes.length, first, problems });
    }
    const { kind, tags } = edit, deed = { kind, tags, ...("by" in edit && { by: edit.by }) };
    return answerInLines(async (progress) => {
      const moved = await folder.steps.alone(() => changeCaptions(folder.steps, deed, changes, progress));
      return { ...told(moved, folder, studio), problems };
    });
  },
};

const MOST_SHOWN = 20;

const undoOrRedo: Route = {
  method: "POST",
  path: "/api/dataset/undo",
  async answer(asked, studio) {
    const body = await bodyOf(asked), folder = opened(body, studio);
    const way = choiceField(body, "way", ["undo", "redo"]), skip = flagField(body, "skip", false);
    stepsTold(folder, studio); // closes what is over
    return answerInLines(async (progress) =>
      told(
        await folder.steps.alone(() => moveStep(folder.steps, way, { skip, progress })),
        folder,
        studio,
      )
    );
  },
};

const showStep: Route = {
  method: "GET",
  path: "/api/dataset/step",
  answer(asked, studio) {
    const query = queryOf(asked), folder = opened(query, studio), from = numberField(query, "from", 0);
    stepsTold(folder, studio);
    const { changes, ...head } = folder.steps.step(numberField(query, "id"));
    const texts = changes.slice(from, from + MOST_CONFLICTS).map(({ path, before, after }) => ({
      file: basename(path),
      before: stateOf(before, path).text,
      after: stateOf(after === undefined ? captionBytes(path) : after, path).text,
    }));
    return json({ ...head, changes: texts });
  },
};

export const captionRoutes: readonly Route[] = [putCaption, editTagsOfMany, undoOrRedo, showStep];
