/** Much work that waits for nothing, done so that the server answers others meanwhile. */

/** How long nobody else is heard, in milliseconds. */
const BREATH = 20;

export type Progress = (done: number, total: number) => void;

interface Heard {
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

/** Throws what the signal is aborted with. */
export async function inTurns<T>(
  items: readonly T[],
  work: (item: T) => void,
  { signal, progress }: Heard = {},
): Promise<void> {
  let breath = performance.now();
  for (const [i, item] of items.entries()) {
    work(item);
    if (performance.now() - breath < BREATH) continue;
    progress?.(i + 1, items.length);
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
    breath = performance.now();
  }
}
