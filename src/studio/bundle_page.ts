/** The page as three files: scripts by `deno bundle`, styles one after the other, the document. */

import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { ROOT, UNPACKED } from "../base/root.ts";

const SOURCE = "src/studio/page";

/** These first, whatever their names: what the others build on. */
const FIRST_STYLES = ["tokens.css", "base.css", "frame.css", "controls.css", "parts.css", "paths.css"];

/** The folder of the bundled page: in the executable as it came, in a checkout made anew where it is older than its sources. */
export async function pageFolder(): Promise<string> {
  const folder = join(ROOT, "build/studio");
  if (!UNPACKED && modified(join(folder, "app.js")) < newest(join(ROOT, SOURCE))) {
    await bundlePage(ROOT, folder);
  }
  return folder;
}

/** Bundles the page of the checkout `root` into `folder`. */
export async function bundlePage(root: string, folder: string): Promise<void> {
  Deno.mkdirSync(folder, { recursive: true });
  const draft = Deno.makeTempDirSync({ dir: folder, prefix: ".new-" });
  try {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "bundle",
        "--quiet",
        "--platform",
        "browser",
        "--minify",
        "--outdir",
        draft,
        join(SOURCE, "app.ts"),
      ],
      cwd: root,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (code !== 0) {
      throw new UserError(`the page could not be bundled: ${new TextDecoder().decode(stderr).trim()}`);
    }
    Deno.writeTextFileSync(join(draft, "app.css"), styles(join(root, SOURCE, "style")));
    for (const name of ["index.html", "icon.svg"]) {
      Deno.copyFileSync(join(root, SOURCE, name), join(draft, name));
    }
    // the scripts last: by them is seen how old it all is
    for (const name of ["index.html", "icon.svg", "app.css", "app.js"]) {
      Deno.renameSync(join(draft, name), join(folder, name));
    }
  } finally {
    Deno.removeSync(draft, { recursive: true });
  }
}

function styles(folder: string): string {
  const others = [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => name.endsWith(".css") && !FIRST_STYLES.includes(name)).sort();
  return [...FIRST_STYLES, ...others].map((name) => Deno.readTextFileSync(join(folder, name))).join("\n");
}

function newest(folder: string): number {
  return Math.max(
    modified(folder),
    ...[...Deno.readDirSync(folder)].map(({ name, isDirectory }) =>
      isDirectory ? newest(join(folder, name)) : modified(join(folder, name))
    ),
  );
}

/** In milliseconds; 0 where there is none. */
function modified(path: string): number {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? 0;
  } catch {
    return 0;
  }
}
