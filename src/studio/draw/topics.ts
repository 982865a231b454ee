/** Tells a page when the pictures of a folder have changed, whoever draws them. */

import type { Topic } from "../studio.ts";

/**
 * A folder's own time changes with each picture that gets its name there; asking for it costs nothing on any file
 * system, also for a folder that is yet to come.
 */
const LOOKED_EVERY = 700;

/** "pictures:FOLDER", with the folder encoded as in an address, so that no name of one ends the line. */
const pictures: Topic = {
  name: "pictures",
  watch(send, { folders }, argument) {
    const folder = folders.inside(decodeURIComponent(argument));
    let last: number | null | undefined;
    const look = () => {
      const changed = changedAt(folder);
      if (changed === last) return;
      last = changed;
      send({ changed });
    };
    look();
    const clock = setInterval(look, LOOKED_EVERY);
    return () => clearInterval(clock);
  },
};

export const topics: readonly Topic[] = [pictures];

/** Null where there is no such folder. */
function changedAt(folder: string): number | null {
  try {
    return Deno.statSync(folder).mtime?.getTime() ?? 0;
  } catch {
    return null;
  }
}
