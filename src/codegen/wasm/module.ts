/**
 * A WebAssembly module being written: its functions, its constants, and which function code now goes to.
 *
 * Functions are made by `define`; helper functions of vectors are made on demand, equal ones once.
 */

import { invariant } from "../../errors.ts";
import type { Dtype } from "../../lower/lanes.ts";
import { CAPTURES, Context, type Value } from "./context.ts";
import { type FunctionCode, ModuleCode } from "./encoder.ts";
import { WasmLanes } from "./lanes.ts";
import { types, type ValueType } from "./opcodes.ts";
import { ConstantPool } from "./pool.ts";

/** A module being written. */
export class WasmModule {
  readonly code: ModuleCode = new ModuleCode();
  readonly pool: ConstantPool;
  readonly lanes: WasmLanes;
  readonly #helpers = new Map<string, FunctionCode>();
  /** Rare paths of formulas: their code, and which of the formula's values they take. */
  readonly #rare = new Map<string, { readonly code: FunctionCode; readonly captured: readonly number[] }>();
  readonly #stack: Context[] = [];

  /** `poolStart`: the address of the constants that code needs. */
  constructor(options: { dtype: Dtype; fused: boolean; poolStart: number }) {
    this.pool = new ConstantPool(options.dtype, options.poolStart);
    this.lanes = new WasmLanes(this, options);
  }

  /** The function being written. */
  get current(): Context {
    const context = this.#stack.at(-1);
    invariant(context !== undefined, "code outside of a function");
    return context;
  }

  /** A new function; `write` gives its result if it has one. */
  define(
    signature: { params: readonly ValueType[]; result?: ValueType },
    write: (context: Context) => Value | void,
  ): Context {
    const context = new Context(
      this.code.add(signature.params, signature.result === undefined ? [] : [signature.result]),
    );
    this.#stack.push(context);
    const result = write(context);
    if (result !== undefined) context.code.get(context.own(result).local);
    this.#stack.pop();
    return context;
  }

  /** Calls a function of vectors, writing it at its first call. */
  call(name: string, values: readonly Value[], make: (params: readonly Value[]) => Value): Value {
    const caller = this.current;
    const own = values.map((value) => caller.own(value));
    const code = this.#helpers.get(name) ?? this.#helper(name, own.length, make);
    return caller.vector(`${name}(${own.map((value) => value.key).join()})`, () => {
      for (const value of own) caller.code.get(value.local);
      caller.code.op("call", code.index);
    });
  }

  /** Writes a formula in place; its rare paths are known by its name. */
  inline(name: string, values: readonly Value[], make: (params: readonly Value[]) => Value): Value {
    const context = this.current;
    const own = values.map((value) => context.own(value));
    const outer = context.formula;
    context.formula = { name, values: [...own], rare: 0 };
    const result = make(own);
    context.formula = outer;
    return result;
  }

  /** The value that `body` computes, in a function of its own; values of the caller become its parameters. */
  outOfLine(body: () => Value): Value {
    const caller = this.current;
    const { formula } = caller;
    const key = formula === undefined ? undefined : `${formula.name} ${formula.rare++}`;
    const known = key === undefined ? undefined : this.#rare.get(key);
    if (formula !== undefined && known !== undefined) {
      return this.#callRare(
        known.code,
        known.captured.map((place) => formula.values[place] as Value),
      );
    }
    const made = this.#writeRare(body);
    const captured = made.captured.map((value) => caller.own(value));
    if (formula !== undefined && key !== undefined) {
      const places = captured.map((value) => formula.values.findIndex((other) => other.key === value.key));
      if (!places.includes(-1)) this.#rare.set(key, { code: made.code, captured: places });
    }
    return this.#callRare(made.code, captured);
  }

  #writeRare(body: () => Value): { code: FunctionCode; captured: readonly Value[] } {
    const params = new Array<ValueType>(CAPTURES).fill(types.v128);
    const { code, captured } = this.define({ params, result: types.v128 }, body);
    return { code: this.#shared(code), captured };
  }

  #callRare(code: FunctionCode, captured: readonly Value[]): Value {
    const caller = this.current;
    const zero = this.lanes.bits(0n);
    return caller.vector(`call${code.index}(${captured.map((value) => value.key).join()})`, () => {
      for (let index = 0; index < CAPTURES; index++) caller.code.get((captured[index] ?? zero).local);
      caller.code.op("call", code.index);
    });
  }

  #helper(name: string, arity: number, make: (params: readonly Value[]) => Value): FunctionCode {
    const params = new Array<ValueType>(arity).fill(types.v128);
    const context = this.define({ params, result: types.v128 }, (own) =>
      make(params.map((_, index) => ({ local: index, key: `p${index}`, context: own }))),
    );
    this.#helpers.set(name, context.code);
    return context.code;
  }

  /** An earlier function with the same code, if the one just written repeats it. */
  #shared(code: FunctionCode): FunctionCode {
    const text = String.fromCharCode(...code.encode().view());
    const known = this.#helpers.get(text);
    if (known === undefined) this.#helpers.set(text, code);
    else this.code.dropLast(code);
    return known ?? code;
  }
}
