/** easel doctor. */

import { UserError } from "../../base/errors.ts";
import type { Finding } from "../../tools/doctor.ts";
import { command } from "../command.ts";
import { flag, group, own } from "../../options/mod.ts";
import { print } from "../screen/output.ts";
import { VERSION } from "../screen/version.ts";

const doctorOptions = group("Output", { json: own(flag("one JSON object instead of text")) });

export const doctor = command({
  groups: [doctorOptions],
  about:
    "Says what to do about whatever is wrong. Exit status 1 when something that easel needs is missing or broken.",
  jsonIsResult: true,
  examples: ["easel doctor"],
  async run({ values }) {
    const { examine } = await import("../../tools/doctor.ts");
    const findings: Finding[] = [{ name: "easel", text: VERSION, ok: true }, ...examine()];
    if (values.json) print(JSON.stringify({ findings }, null, 1));
    else for (const line of findings.flatMap(findingLines)) print(line);
    const broken = findings.filter((finding) => !finding.ok).map((finding) => finding.name);
    if (broken.length) throw new UserError(`missing or broken: ${broken.join(", ")}`);
  },
});

function findingLines({ name, text, ok, remedy }: Finding): string[] {
  const line = `${ok ? (remedy ? "note" : "ok  ") : "FAIL"}  ${name.padEnd(12)}  ${text}`;
  return remedy ? [line, `${" ".repeat(20)}-> ${remedy}`] : [line];
}
