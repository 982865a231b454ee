/** Errors that end a command. Anything else that reaches main.ts is a bug and is printed as one. */

/** Something the user can mend: printed as one line, without a stack; exit status 1. */
export class UserError extends Error {
  readonly exitCode: number = 1;
  override name = "UserError";
}

/** A wrong command line: flag, value or combination; exit status 2. */
export class UsageError extends UserError {
  override readonly exitCode: number = 2;
  override name = "UsageError";
}

/** Ctrl-C, after everything worth keeping was saved; exit status 130. */
export class Interrupted extends UserError {
  override readonly exitCode: number = 130;
  override name = "Interrupted";
}
