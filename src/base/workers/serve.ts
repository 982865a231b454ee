/** The other thread's side: does one task after the other. */

import { type Answer, type Task, type TaskCall, toldError } from "./task.ts";

interface Scope {
  onmessage: ((event: { data: TaskCall }) => void) | null;
  postMessage(answer: Answer, transfer: readonly ArrayBuffer[]): void;
}

// deno-lint-ignore no-explicit-any -- tasks of every kind
export function serve(tasks: readonly Task<any, unknown>[]): void {
  const byName = new Map(tasks.map((task) => [task.name, task]));
  const scope = globalThis as unknown as Scope;
  scope.onmessage = async ({ data: { task, input } }) => {
    try {
      const result = await byName.get(task)!.work(input);
      scope.postMessage({ result }, [...new Set(ownMemory(result))]);
    } catch (error) {
      scope.postMessage({ error: toldError(error) }, []);
    }
  };
}

/** Memory of arrays that fill it: it changes hands in place of being copied. */
function ownMemory(value: unknown): ArrayBuffer[] {
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteLength } = value;
    return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
  }
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(ownMemory) : [];
}
