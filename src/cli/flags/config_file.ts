/** Flags from a file. */

import { family, flag, pathTo, str } from "../flag.ts";

export const configFileFlags = family("Configuration file", {
  config_file: pathTo("toml", str(null, "TOML with options; sections are flattened; command line wins")),
  output_config: flag("write the options that differ from defaults to config_file and exit"),
});
