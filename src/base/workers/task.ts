/** Work on plain data that another thread can do: worker.ts names all of it. */

import { UsageError, UserError } from "../errors.ts";

/** Input and result cross to another thread and back: numbers, texts, arrays, objects without methods. */
export interface Task<Input, Result> {
  /** Of all tasks only this one's. */
  readonly name: string;
  work(input: Input): Result | Promise<Result>;
  /** Errors that callers tell apart, by their name; those of src/base/errors.ts are known. */
  readonly errors?: Readonly<Record<string, (told: ToldError) => Error>>;
}

/** An error as it crosses. */
export interface ToldError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** Of the file, where the error has one. */
  readonly path: string;
}

export type TaskCall = { readonly task: string; readonly input: unknown };
export type Answer = { readonly result: unknown } | { readonly error: ToldError };

const KNOWN: NonNullable<Task<unknown, unknown>["errors"]> = {
  UserError: ({ message }) => new UserError(message),
  UsageError: ({ message }) => new UsageError(message),
};

export function toldError(error: unknown): ToldError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error), stack: "", path: "" };
  const { name, message, stack = "" } = error;
  const path = "path" in error ? String(error.path) : "";
  return { name, message, stack, path };
}

/** What was thrown, as an error of this thread. */
export function thrownError(told: ToldError, errors: Task<unknown, unknown>["errors"] = {}): Error {
  const make = errors[told.name] ?? KNOWN[told.name];
  return make ? make(told) : Object.assign(new Error(told.message), { name: told.name, stack: told.stack });
}
