/** What `easel studio` is told. */

import { type ConfigOf, flag, forgottenGroup, int, own, pathTo, secret, str } from "../options/mod.ts";

/** A shorter token can be guessed by whoever may ask often. */
export const SHORTEST_TOKEN = 16;

export const studioOptions = forgottenGroup("Studio", {
  port: own(
    int(null, "port of the page; default 7860, or any free one where that is taken", { min: 1, max: 65535 }),
  ),
  listen: own(str(null, "address to listen on in place of this machine alone, as 0.0.0.0; takes --token")),
  token: own(
    secret(
      str(
        null,
        `what the link must hold, at least ${SHORTEST_TOKEN} characters; default: a new one at each start`,
      ),
    ),
  ),
  state: own(
    pathTo(
      "folder",
      str(null, "folder for queue, settings and undo steps; default .easel in the first folder"),
    ),
  ),
  stop_jobs: own(flag("jobs that run are stopped with the studio, saved to be resumed; else they go on")),
  open: own(flag("open the link in the browser even where nobody seems to sit in front of it")),
  no_open: own(flag("never open a browser")),
});

export type StudioConfig = ConfigOf<typeof studioOptions>;
