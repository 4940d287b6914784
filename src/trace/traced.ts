/**
 * What traced values have in common: a shape, entries, and answers to everything JavaScript may try with them.
 *
 * Values never change and have no numbers while a function is traced. So `x * 2`, `Math.sin(x)`, `x[0] = 1` and
 * `JSON.stringify(x)` throw a `UsageError` that says what to write; `x[0]` and array methods read entries.
 */

import { UsageError } from "../errors.ts";
import { showShape } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import { captureOrigin } from "./origin.ts";
import type { Traced } from "./scope.ts";

/** Reached by property look-up only when an object and its classes lack the name: costs nothing otherwise. */
const fallback = new Proxy(Object.create(null) as object, {
  get(_, key, receiver): unknown {
    if (typeof key === "symbol" || !(receiver instanceof TracedBase))
      return Reflect.get(Object.prototype, key, receiver) as unknown;
    if (/^\d+$/.test(key)) return receiver.entry(Number(key));
    if (key in hints) throw new UsageError("JR305", `a traced value has no ${key}: ${hints[key]}`);
    if (key in Array.prototype && receiver.shape.length > 0) return bound([...receiver.entries()], key);
    return Reflect.get(Object.prototype, key, receiver) as unknown;
  },
  set(_, key) {
    throw new UsageError(
      "JR306",
      `cannot set ${String(key)} of a traced value (at ${captureOrigin().name}): values do not change; build a new one with stack(), concat() or where()`,
    );
  },
});

const hints: Readonly<Record<string, string>> = {
  T: "write transpose(x) or x.transpose()",
  data: "its numbers are known only when the rows run",
  item: "its numbers are known only when the rows run",
  plus: "write x.add(y)",
  times: "write x.mul(y)",
  minus: "write x.sub(y)",
  push: "values do not change; use concat()",
};

/** An array method over the entries, as the tuple type promises. */
function bound(items: unknown[], key: string): unknown {
  const member: unknown = Reflect.get(items, key);
  return typeof member === "function" ? (member as (...args: never[]) => unknown).bind(items) : member;
}

/** A node in a scope, immutable. */
export abstract class TracedBase {
  /** What the value stands for. */
  readonly traced: Traced;

  constructor(traced: Traced) {
    this.traced = traced;
    Object.freeze(this);
  }

  /** Sizes of the axes of one row's value; `[]` is a scalar. */
  get shape(): readonly number[] {
    return this.traced.node.shape;
  }

  /** Size of the first axis; an error for a scalar. */
  get length(): number {
    const [first] = this.shape;
    if (first === undefined) throw scalarEntries();
    return first;
  }

  /** The entry at `index` of the first axis. */
  abstract entry(index: number): TracedBase;

  /** The entries along the first axis, in order. */
  *entries(): Generator<TracedBase> {
    const { length } = this;
    for (let index = 0; index < length; index++) yield this.entry(index);
  }

  /** Throws: `x * 2`, `x + 1`, `x > 0`, `Math.sin(x)` need numbers, which a traced value lacks. */
  [Symbol.toPrimitive](hint: string): never {
    throw new UsageError("JR307", `${coercion[hint] ?? ""} (at ${captureOrigin().name}; ${this.inspect()})`);
  }

  /** Throws like every conversion to a number. */
  valueOf(): never {
    return this[Symbol.toPrimitive]("number");
  }

  /** Throws: there are no numbers to write. */
  toJSON(): never {
    throw new UsageError(
      "JR308",
      `a traced value cannot be written as JSON: it has no numbers yet (${this.inspect()})`,
    );
  }

  /** A short description: shape, operation and source line. */
  inspect(): string {
    const { node } = this.traced;
    return `traced ${node.cell} of shape ${showShape(node.shape)}: ${nodeText(node)}`;
  }

  static {
    Object.defineProperty(this.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value: this.prototype.inspect,
    });
    Object.defineProperty(this.prototype, "toString", { value: this.prototype.inspect });
    Object.setPrototypeOf(this.prototype, fallback);
  }
}

const numberAdvice =
  "a traced value has no number yet: write x.mul(2) for x * 2, sin(x) for Math.sin(x), where(gt(x, 0), a, b) for x > 0 ? a : b";
const coercion: Readonly<Record<string, string>> = {
  number: numberAdvice,
  default: "a traced value has no number yet: write x.add(1) for x + 1, eq(x, 1) for x == 1",
  string: "a traced value is neither text nor an index: take(y, x) reads y at a traced index",
};

function nodeText({ op, origin }: Node): string {
  return origin === undefined ? op : `${op} at ${origin.name}`;
}

/** The error for taking a scalar apart. */
export function scalarEntries(): UsageError {
  return new UsageError("JR309", "a scalar has no entries: rows of one number each are traced as one scalar");
}
