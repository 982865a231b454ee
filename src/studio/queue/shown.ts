/** Jobs as the page shows them. */

export type JobState =
  | "waiting"
  | "running"
  | "done"
  /** Stopped, and saved what was worth it. */
  | "interrupted"
  /** Ended in an error that it could tell. */
  | "failed"
  /** Ended without a word. */
  | "died";

export interface JobEnd {
  /** null where nobody saw it end. */
  readonly status: number | null;
  /** The signal that ended it, such as 9. */
  readonly signal: number | null;
  /** The one line that it printed; null for one that died. */
  readonly message: string | null;
  /** What can be done: a name for the page's words. */
  readonly remedy: Remedy | null;
}

/** "message": its own line says it. */
export type Remedy = "message" | "memory" | "bug" | "killed" | "lost" | "start";

export interface JobView {
  readonly id: string;
  readonly title: string;
  readonly command: string;
  /** Whether it has a loss, and hears what it is told between two steps. */
  readonly trains: boolean;
  /** Keys and tokens are masked. */
  readonly args: readonly string[];
  readonly device: string;
  readonly state: JobState;
  readonly end: JobEnd | null;
  readonly created: string;
  /** Unix time in milliseconds. */
  readonly started: number | null;
  readonly ended: number | null;
  /** Of what it does now, or did last. */
  readonly progress: JobProgress | null;
  /** The state that it can be resumed from. */
  readonly resume: string | null;
  readonly resumes: string | null;
}

export interface JobProgress {
  readonly task: string;
  readonly step: number;
  readonly total: number;
  readonly loss: number | null;
  readonly secondsPerStep: number | null;
}

/** The queue for the page: what waits in its order, what runs, what has ended, the latest first. */
export interface QueueView {
  readonly running: readonly JobView[];
  readonly waiting: readonly JobView[];
  readonly ended: readonly JobView[];
}
