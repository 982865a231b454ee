import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "../../parts/mod.ts";
import { listen } from "../../events.ts";
import { useWords } from "../../words/mod.ts";
import { queue as table } from "../../words/queue.ts";

/** More is in the file. */
const MOST_SHOWN = 100_000;

/** The end of what a job prints, as it comes; it follows as long as its end is in sight. */
export function JobLog({ id }: { id: string }) {
  const words = useWords(table), [text, setText] = useState("");
  const box = useRef<HTMLPreElement>(null), follows = useRef(true);
  useEffect(
    () =>
      listen<{ text: string }>(
        `log:${id}`,
        (data, afresh) => setText((old) => (afresh ? data.text : old + data.text).slice(-MOST_SHOWN)),
      ),
    [id],
  );
  useLayoutEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);
  const scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current!;
    follows.current = scrollTop + clientHeight > scrollHeight - 24;
  };
  return html`
    <pre class="job-log" ref=${box} tabindex="0" aria-label=${words.log}
      onScroll=${scrolled}>${text || words.noLog}</pre>
  `;
}
