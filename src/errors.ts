/**
 * The three kinds of error, each with a stable code.
 *
 * `UsageError`: the caller can mend it. `UnsupportedError`: jacrow lacks a feature. `InternalError`: our bug.
 * Every message names the place (argument, node, operator, source line) and, where there is one, the fix.
 */

/** Base of all errors jacrow throws on purpose. `code` is stable; the message is for people. */
export abstract class JacrowError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/** The caller's mistake: a wrong shape, a non-function, a file that is not there. */
export class UsageError extends JacrowError {}

/** A feature jacrow does not have, or rows that interact: the message lists everything missing at once. */
export class UnsupportedError extends JacrowError {}

/** A broken promise inside jacrow. Please report it. */
export class InternalError extends JacrowError {}

/** Throws an `InternalError` unless `condition` holds. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InternalError("JR901", message);
}
