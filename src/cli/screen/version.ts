/** The version of the program, from deno.json: the only place that knows it. */

import config from "../../../deno.json" with { type: "json" };

export const VERSION: string = config.version;
