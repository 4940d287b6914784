/**
 * One WebAssembly function being written: values live in locals, equal pure instructions are written once.
 *
 * Every instruction's result gets a local of its own (V8's optimising compiler sees through that). A value of
 * another function becomes a parameter when it is used here, which is how rare paths move out of line.
 */

import { invariant } from "../../errors.ts";
import type { FunctionCode } from "./encoder.ts";
import { type CoreName, type SimdName, types } from "./opcodes.ts";

/** A vector in a local. `key` names its contents: equal keys, equal contents. */
export interface Value {
  readonly local: number;
  readonly key: string;
  readonly context: Context;
}

/** An integer: a local (or none) plus a constant, so constant offsets fold into memory instructions. */
export interface Int {
  readonly local: number | undefined;
  readonly key: string;
  readonly offset: number;
}

/** A formula written in place: the same one makes its values in the same order wherever it is written. */
export interface Formula {
  readonly name: string;
  readonly values: Value[];
  /** Rare paths so far. */
  rare: number;
}

/** Vector parameters of a function that takes values of its caller. */
export const CAPTURES = 4;

/** A function being written. */
export class Context {
  readonly code: FunctionCode;
  /** Values of the caller that became parameters, in order. */
  readonly captured: Value[] = [];
  /** The formula being written in place, if any. */
  formula: Formula | undefined;
  readonly #known = new Map<string, Value | Int>();
  /** Keys made within each open scope. */
  readonly #scopes: string[][] = [[]];
  #epoch = 0;
  #stores = 0;

  constructor(code: FunctionCode) {
    this.code = code;
  }

  /** Changes with every loop's edge and assignment: part of the keys of whatever may have changed. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Changes with every store. */
  get stores(): number {
    return this.#stores;
  }

  noteStore(): void {
    this.#stores++;
  }

  noteAssignment(): void {
    this.#epoch++;
  }

  /** Runs `body` with values of its own: they are forgotten afterwards, as its code may not have run. */
  scoped(body: () => void): void {
    this.#epoch++;
    this.#stores++;
    this.#scopes.push([]);
    body();
    for (const key of this.#scopes.pop() ?? []) this.#known.delete(key);
    this.#epoch++;
    this.#stores++;
  }

  /** The value known under `key`, or the one that `write` leaves on the stack, put into a local. */
  vector(key: string, write: () => void): Value {
    let value = this.#known.get(key) as Value | undefined;
    if (value === undefined) {
      write();
      value = this.#popped();
      this.#remember(key, value);
    }
    this.formula?.values.push(value);
    return value;
  }

  /** A new local that starts as `value` and may be assigned. */
  fresh(value: Value): Value {
    this.code.get(value.local);
    const copy = this.#popped();
    this.formula?.values.push(copy);
    return copy;
  }

  /** What is on the stack, in a new local. */
  #popped(): Value {
    const local = this.code.local(types.v128);
    this.code.set(local);
    return { local, key: `v${local}`, context: this };
  }

  /** The same for an integer. */
  int(key: string, write: () => void): Int {
    const known = this.#known.get(key);
    if (known !== undefined) return known as Int;
    write();
    const local = this.code.local(types.i32);
    this.code.set(local);
    const value: Int = { local, key: `i${local}`, offset: 0 };
    this.#remember(key, value);
    return value;
  }

  /** A pure SIMD instruction on vectors. */
  simd(name: SimdName, operands: readonly Value[], immediate?: ArrayLike<number>): Value {
    const own = operands.map((operand) => this.own(operand));
    let key: string = name;
    for (const operand of own) key += `,${operand.key}`;
    if (immediate !== undefined) key += `,${Array.from(immediate).join()}`;
    return this.vector(key, () => {
      for (const operand of own) this.code.get(operand.local);
      this.code.simd(name, immediate);
    });
  }

  /** Puts an integer, or its part that is no constant, on the stack. */
  push(value: Int): void {
    if (value.local === undefined) this.code.i32(value.offset);
    else {
      this.code.get(value.local);
      if (value.offset === 0) return;
      this.code.i32(value.offset);
      this.code.op("i32.add");
    }
  }

  /** Puts the address on the stack and returns what is left for the instruction's offset. */
  pushAddress(address: Int, offset: number): number {
    const total = address.offset + offset;
    if (address.local === undefined) this.code.i32(0);
    else if (total >= 0) this.code.get(address.local);
    else {
      this.push({ ...address, offset: total });
      return 0;
    }
    return total;
  }

  /** Integer instruction of two operands. */
  integer(name: CoreName, a: Int, b: Int): Int {
    return this.int(`${name}(${a.key}+${a.offset},${b.key}+${b.offset})`, () => {
      this.push(a);
      this.push(b);
      this.code.op(name);
    });
  }

  /** The value as this function sees it. */
  own(value: Value): Value {
    if (value.context === this) return value;
    let index = this.captured.findIndex(
      (other) => other.key === value.key && other.context === value.context,
    );
    if (index < 0) index = this.captured.push(value) - 1;
    invariant(index < CAPTURES, "a rare path uses too many values of its caller");
    return { local: index, key: `p${index}`, context: this };
  }

  #remember(key: string, value: Value | Int): void {
    this.#known.set(key, value);
    this.#scopes.at(-1)?.push(key);
  }
}
