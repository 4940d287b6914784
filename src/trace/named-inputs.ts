/**
 * Named inputs, `({ x, u }) => …`, as the object a traced function sees.
 *
 * In: the function's name and its inputs by name. Out: an object whose missing names throw, and a check that every name
 * was read. So a misspelt name is an error that names the input, on either side. A default (`{ u = 1 }`) is no exception: with
 * it a misspelt name would silently compute with the default, so inputs that may be left out belong outside the function.
 */

import { UsageError } from "../errors.ts";

/** One named argument of a function while it is traced. */
export class NamedInputs {
  /** What the function is given. */
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly #name: string;
  readonly #given: readonly string[];
  readonly #read: Set<string> = new Set();

  constructor(name: string, given: Readonly<Record<string, unknown>>) {
    this.#name = name;
    this.#given = Object.keys(given);
    this.inputs = new Proxy(given, { get: (target, key) => this.#get(target, key) });
  }

  #get(target: Readonly<Record<string, unknown>>, key: string | symbol): unknown {
    if (typeof key === "string") {
      this.#read.add(key);
      if (!(key in target)) throw this.#unknown(key);
    }
    return Reflect.get(target, key);
  }

  #unknown(key: string): UsageError {
    return new UsageError(
      "JR317",
      `${this.#name} reads input ${key}, which was not given; given: ${this.#given.join(", ")}`,
    );
  }

  /** Throws where a given input was never read: the function knows no input of that name. */
  checkRead(): void {
    const unread = this.#given.find((key) => !this.#read.has(key));
    if (unread === undefined) return;
    const known = this.#given.filter((key) => this.#read.has(key));
    throw new UsageError(
      "JR318",
      `${this.#name} has no input ${unread}; it reads ${known.join(", ") || "none"} (allowZero: true accepts inputs that are never read)`,
    );
  }
}
