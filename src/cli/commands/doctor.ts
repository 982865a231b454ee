/** easel doctor. */

import { UserError } from "../../base/errors.ts";
import { command } from "../command.ts";
import { print } from "../output.ts";
import { VERSION } from "../version.ts";

export const doctor = command({
  families: [],
  about: "Exit status 1 when something that easel needs is missing.",
  async run() {
    const { examine } = await import("../../tools/doctor.ts");
    const findings = [{ name: "easel", text: VERSION, ok: true }, ...examine()];
    for (const { name, text, ok } of findings) print(`${ok ? "ok  " : "FAIL"}  ${name.padEnd(12)}  ${text}`);
    const missing = findings.filter((finding) => !finding.ok).map((finding) => finding.name);
    if (missing.length) throw new UserError(`missing: ${missing.join(", ")}`);
  },
});
