/** Several threads that do tasks. They compute only: files are written by who asked, in the order of one thread. */

import { ROOT, UNPACKED } from "../root.ts";
import { type Answer, type Task, thrownError, type ToldError } from "./task.ts";

/** Beside main.ts, in the executable beside the bundle of it. */
const WORKER = new URL(`file://${encodeURI(ROOT)}/${UNPACKED ? "src/bundle/worker.js" : "worker.ts"}`);

/** Starting a thread takes as long as so many pictures. */
const WORTH_A_THREAD = 4;

interface Job {
  readonly task: string;
  readonly input: unknown;
  resolve(result: unknown): void;
  reject(error: ToldError): void;
}

/** As many threads as the user allows (0: one for each core) and as `count` items are worth. */
export function threadsFor(threads: number, count: number): number {
  return Math.max(1, Math.min(threads || navigator.hardwareConcurrency, Math.ceil(count / WORTH_A_THREAD)));
}

/** As `--max_data_loader_n_workers` says where it is given: at most one for each core, 0 is none beside the own. */
export function loaderThreads(workers: number | null, threads: number): number {
  return workers === null ? threads : Math.max(1, Math.min(workers, navigator.hardwareConcurrency));
}

export class Pool implements Disposable {
  readonly #workers = new Set<Worker>();
  readonly #idle: Worker[] = [];
  readonly #waiting: Job[] = [];
  #last: Promise<unknown> = Promise.resolve();

  /** With one thread, tasks are done in that of the caller. Others are started when there is work for them. */
  constructor(readonly threads: number) {}

  /** Items in work at once, those included that are done and wait for their turn. */
  get ahead(): number {
    return this.threads === 1 ? 1 : 2 * this.threads;
  }

  /** Throws what the task throws. */
  run<Input, Result>(task: Task<Input, Result>, input: Input): Promise<Result> {
    if (this.threads === 1) {
      const done = this.#last.then(() => task.work(input));
      this.#last = done.catch(() => {});
      return done;
    }
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.push({
        ...{ task: task.name, input },
        resolve: (result) => resolve(result as Result),
        reject: (told) => reject(thrownError(told, task.errors)),
      });
      const worker = this.#idle.pop() ?? (this.#workers.size < this.threads ? this.#start() : null);
      if (worker) this.#next(worker);
    });
  }

  #start(): Worker {
    const worker = new Worker(WORKER, { type: "module" });
    this.#workers.add(worker);
    return worker;
  }

  /** What is not done when the pool is closed stays undone. */
  #next(worker: Worker): void {
    const job = this.#waiting.shift();
    if (!job) return void this.#idle.push(worker);
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      this.#next(worker);
      if ("error" in data) job.reject(data.error);
      else job.resolve(data.result);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#workers.delete(worker);
      worker.terminate();
      job.reject({ name: "Error", message: `a thread ended: ${event.message}`, stack: "", path: "" });
      if (this.#waiting.length > 0) this.#next(this.#start());
    };
    worker.postMessage({ task: job.task, input: job.input });
  }

  [Symbol.dispose](): void {
    for (const worker of this.#workers) worker.terminate();
    this.#workers.clear();
  }
}
