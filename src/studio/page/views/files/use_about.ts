/** What the rows that are shown hold, asked for a few at a time: names are there at once, and these as they come. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { About, ListedFile } from "../../../files/shown.ts";
import { tellError } from "../../parts/mod.ts";
import { post } from "../../server.ts";

const AT_ONCE = 25;

/** By path; what changed since is asked again. */
export function useAbout(rows: readonly ListedFile[]): ReadonlyMap<string, About> {
  const [known, set] = useState<ReadonlyMap<string, About>>(new Map());
  const asked = useRef(new Map<string, number>());
  useEffect(() => {
    let open = true;
    const wanted = rows.filter(({ path, changed }) => asked.current.get(path) !== changed);
    (async () => {
      for (let at = 0; open && at < wanted.length; at += AT_ONCE) {
        const some = wanted.slice(at, at + AT_ONCE);
        const { files } = await post<{ files: About[] }>("/api/files/about", {
          paths: some.map(({ path }) => path),
        });
        some.forEach(({ path, changed }) => asked.current.set(path, changed));
        set((before) => new Map([...before, ...files.map((about): [string, About] => [about.path, about])]));
      }
    })().catch(tellError);
    return () => void (open = false);
  }, [rows]);
  return known;
}
