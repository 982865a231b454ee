/** The page's stream of events, with a browser's parts stood in for. */

import assert from "node:assert/strict";

class Stream extends EventTarget {
  static readonly CLOSED = 2;
  static readonly all: Stream[] = [];
  readyState = 0;
  closed = false;
  constructor(readonly address: string) {
    super();
    Stream.all.push(this);
  }
  close() {
    this.closed = true;
  }
  /** The server's answer. */
  tell(type: string, data: unknown = null) {
    this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data) }));
  }
}

const soon = () => new Promise((resolve) => queueMicrotask(() => queueMicrotask(() => resolve(null))));

Deno.test("a stream that is refused is asked for again and begins anew; a page that is not seen has none", async () => {
  const listeners: (() => void)[] = [], later: (() => void)[] = [];
  const seen = { visibilityState: "visible", documentElement: {} };
  const stand = {
    document: { ...seen, addEventListener: (_: string, listener: () => void) => listeners.push(listener) },
    EventSource: Stream,
    setTimeout: (work: () => void) => later.push(work),
    fetch: () => Promise.resolve(Response.json({ error: "open the link" }, { status: 401 })),
  };
  const real = Object.getOwnPropertyDescriptors(globalThis), names = Object.keys(stand);
  const page = globalThis as unknown as typeof stand;
  for (const name of names) {
    Object.defineProperty(page, name, {
      value: stand[name as keyof typeof stand],
      configurable: true,
      writable: true,
    });
  }
  try {
    const { listen } = await import("../../../src/studio/page/events.ts");
    const heard: [unknown, boolean][] = [];
    const stop = listen("queue", (data, afresh) => heard.push([data, afresh]));
    await soon();
    const [first] = Stream.all;
    assert.equal(first.address, "/api/events?topic=queue");
    first.tell("open");
    first.tell("queue", 1);
    first.tell("queue", 2);
    first.readyState = Stream.CLOSED; // another server has another token
    first.tell("error");
    later.splice(0).forEach((work) => work());
    await soon();
    const second = Stream.all[1];
    second.tell("open");
    second.tell("queue", 3);
    assert.deepEqual(heard, [[1, true], [2, false], [3, true]]);

    page.document.visibilityState = "hidden";
    listeners.forEach((changed) => changed());
    await soon();
    assert(second.closed && Stream.all.length === 2);
    page.document.visibilityState = "visible";
    listeners.forEach((changed) => changed());
    await soon();
    assert.equal(Stream.all.length, 3);
    stop();
    await soon();
    assert(Stream.all[2].closed);
    assert.equal(Stream.all.length, 3, "nothing is listened to");
  } finally {
    for (const name of names) {
      if (real[name as keyof typeof real]) {
        Object.defineProperty(globalThis, name, real[name as keyof typeof real]!);
      } else delete (globalThis as Record<string, unknown>)[name];
    }
  }
});
