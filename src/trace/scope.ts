/**
 * The functions being traced right now, innermost last, and how a value enters the one at the top.
 *
 * Each scope builds one program. Operations always run in the innermost scope; a value of an enclosing one becomes a
 * captured input of every scope between (constants are copied), a value of any other trace is refused.
 */

import { UsageError } from "../errors.ts";
import { Builder } from "../ir/builder.ts";
import type { InputNode, Node, Origin } from "../ir/types.ts";

/** A node and the scope it belongs to: what a traced value holds. */
export interface Traced {
  readonly scope: Scope;
  readonly node: Node;
}

const active: Scope[] = [];

/** One function while it is traced. */
export class Scope {
  readonly builder: Builder = new Builder();
  readonly name: string;
  readonly parent: Scope | undefined;
  /** Values of enclosing scopes that this one reads: node of the parent → own input. */
  readonly captured: Map<Node, InputNode> = new Map();
  /** Copies of the caller's arrays, shared by all scopes of one trace. */
  readonly copies: Map<object, Float32Array | Float64Array>;
  /** Inputs whose entries were read one by one, by taking them apart or by index: input → one past the last that was. */
  readonly partial: Map<Node, number> = new Map();
  /** Masks that no operation has used yet, and where they were made. */
  readonly unused: Map<Traced, Origin> = new Map();

  constructor(name: string) {
    this.name = name;
    this.parent = active.at(-1);
    this.copies = this.parent?.copies ?? new Map<object, Float32Array | Float64Array>();
  }

  /** Runs `body` with this scope on top; no mask made in it may be left unused. */
  run<T>(body: () => T): T {
    active.push(this);
    try {
      const result = body();
      this.#checkUnused();
      return result;
    } finally {
      active.pop();
    }
  }

  /** What `if` tested is gone without a trace, and half of the function with it: never a silently wrong derivative. */
  #checkUnused(): void {
    const [first] = this.unused.values();
    if (first === undefined) return;
    throw new UsageError(
      "JR316",
      `a comparison (at ${first.name}) was computed and never used: if, ?:, &&, || and ! cannot test it; ` +
        "write where(mask, a, b), and(m1, m2), or(m1, m2), not(m)",
    );
  }

  /** The value's node in this scope. */
  lift(value: Traced): Node {
    value.scope.unused.delete(value);
    if (value.scope === this) return value.node;
    if (!active.includes(value.scope) || this.parent === undefined) throw leaked(value, this);
    return this.#capture(this.parent.lift(value));
  }

  #capture(outer: Node): Node {
    if (outer.op === "constant") return this.builder.constant(outer.values, outer.shape, outer.cell);
    const known = this.captured.get(outer);
    if (known !== undefined) return known;
    const level = outer.level === "row" ? "row" : "bound";
    const input = this.builder.input(`captured${this.captured.size}`, outer.shape, {
      level,
      cell: outer.cell,
    });
    this.captured.set(outer, input);
    return input;
  }

  /** Nodes of the parent that the captured inputs stand for. */
  get capturedOuter(): Node[] {
    return [...this.captured.keys()];
  }
}

function leaked({ scope, node }: Traced, reader: Scope): UsageError {
  const place = node.origin === undefined ? "" : ` made at ${node.origin.name}`;
  return new UsageError(
    "JR301",
    `a value${place} of ${scope.name}, which is no longer being traced, is used in ${reader.name}: ` +
      "pass it as an argument or return it; a traced value lives only while its function runs",
  );
}

/** The innermost scope; an error where nothing is being traced, with what to write instead. */
export function requireScope(what: string, instead?: string): Scope {
  const scope = active.at(-1);
  if (scope !== undefined) return scope;
  throw new UsageError(
    "JR302",
    `${what} works on traced values, inside a function given to jacrow(), jacobian() or rows(): nothing is being traced here` +
      (instead === undefined ? "" : `; ${instead}`),
  );
}

/** Is a function being traced right now? */
export function isTracing(): boolean {
  return active.length > 0;
}
