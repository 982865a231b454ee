/** `/api/events?topic=…&topic=…`: one stream of server-sent events for each page. */

import { type Asked, Refused, type Studio, type Topic } from "../studio.ts";

/** So that a connection that is gone is noticed, and none is taken for it by whatever lies between. */
const ALIVE_EVERY = 20_000;

/** Of what a page has not read yet; it asks anew when it wakes up. */
const MOST_WAITING = 8 << 20;

/** More than a page listens to. */
const MOST_TOPICS = 50;

/** Each event is called as its topic was asked for; its data is JSON. Throws Refused (404) for an unknown topic. */
export function eventStream({ url }: Asked, studio: Studio, topics: readonly Topic[]): Response {
  const names = [...new Set(url.searchParams.getAll("topic"))];
  // a name is a line of the stream
  if (names.length > MOST_TOPICS || names.some((name) => /[\r\n]/.test(name))) {
    throw new Refused(400, `topics are at most ${MOST_TOPICS} names of one line each`);
  }
  const wanted = names.map((asked) => {
    const [name, ...argument] = asked.split(":");
    const topic = topics.find((topic) => topic.name === name);
    if (!topic) throw new Refused(404, `${name}: there is no such topic`);
    return { asked, topic, argument: argument.join(":") };
  });
  const encoder = new TextEncoder();
  let stop = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const stops: (() => void)[] = [];
      let open = true;
      const write = (text: string) => {
        if (!open) return;
        controller.enqueue(encoder.encode(text));
        if (controller.desiredSize! <= 0) end();
      };
      stop = () => {
        if (!open) return;
        open = false;
        for (const each of stops.splice(0)) each();
      };
      const end = () => {
        if (!open) return;
        stop();
        controller.close();
      };
      studio.signal.addEventListener("abort", end, { once: true });
      const alive = setInterval(() => write(": alive\n\n"), ALIVE_EVERY);
      stops.push(() => clearInterval(alive), () => studio.signal.removeEventListener("abort", end));
      write("retry: 2000\n\n");
      for (const { asked, topic, argument } of wanted) {
        if (!open) break;
        const send = (data: unknown) => write(`event: ${asked}\ndata: ${JSON.stringify(data)}\n\n`);
        try {
          const unwatch = topic.watch(send, studio, argument);
          if (open) stops.push(unwatch);
          else unwatch();
        } catch (error) {
          // what is not there, such as a job that was removed, takes nothing from the others
          write(`: ${asked}: ${(error as Error).message}`.replaceAll(/[\r\n]+/g, " ") + "\n\n");
        }
      }
    },
    cancel: () => stop(),
  }, new ByteLengthQueuingStrategy({ highWaterMark: MOST_WAITING }));
  return new Response(body, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}
