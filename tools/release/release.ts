/** A release: the executable with what goes beside it in one archive. */

import { createHash } from "node:crypto";
import { join } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { buildExecutable } from "../compile/build.ts";
import { licencesText } from "../compile/components.ts";
import { run } from "../compile/process.ts";
import { sbom } from "./sbom.ts";

/**
 * Writes NAME.tar, NAME.cdx.json and NAME.sha256 for NAME = easel-VERSION-linux-ARCH, and the executable itself.
 * The archive is not compressed, as the executable is. Returns the files' paths.
 */
export async function release(root: string, folder: string): Promise<string[]> {
  const machine = Deno.build.arch;
  const name = `easel-${config.version}-linux-${machine}`;
  Deno.mkdirSync(folder, { recursive: true });
  const work = Deno.makeTempDirSync({ dir: folder, prefix: ".release " });
  try {
    const inside = join(work, name);
    Deno.mkdirSync(inside);
    const executable = join(folder, "easel");
    const { components } = await buildExecutable(root, executable);
    const materials = sbom(components, sha256(executable));
    Deno.copyFileSync(executable, join(inside, "easel"));
    write(join(inside, "LICENCES.txt"), licencesText(root, components));
    write(join(inside, "sbom.cdx.json"), materials);
    const script = Deno.readTextFileSync(join(root, "tools/release/install.sh"));
    write(join(inside, "install.sh"), script.replaceAll("@MACHINE@", machine), 0o755);
    const names = ["LICENCES.txt", "easel", "install.sh", "sbom.cdx.json"];
    write(
      join(inside, "SHA256SUMS"),
      names.map((file) => `${sha256(join(inside, file))}  ${file}\n`).join(""),
    );

    const archive = join(folder, `${name}.tar`);
    // Sorted, without owners and times: the same build gives the same archive.
    const plain = [
      "--sort=name",
      "--owner=0",
      "--group=0",
      "--numeric-owner",
      "--mtime=@0",
      "--format=ustar",
    ];
    await run("tar", [...plain, "-C", work, "-cf", join(work, "archive"), name]);
    Deno.renameSync(join(work, "archive"), archive);
    write(join(folder, `${name}.cdx.json`), materials);
    write(join(folder, `${name}.tar.sha256`), `${sha256(archive)}  ${name}.tar\n`);
    return [archive, join(folder, `${name}.tar.sha256`), join(folder, `${name}.cdx.json`), executable];
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}

function write(path: string, text: string, mode = 0o644): void {
  Deno.writeTextFileSync(path, text);
  Deno.chmodSync(path, mode);
}

function sha256(path: string): string {
  return createHash("sha256").update(Deno.readFileSync(path)).digest("hex");
}
