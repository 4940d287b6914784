/**
 * Lane arithmetic as 128-bit WebAssembly: four f32 or two f64.
 *
 * In: calls of the `Lanes` interface. Out: instructions of the function being written (`module.current`), each
 * written once per distinct operands. No host imports: rare paths become functions of the same module.
 */

import type { ByTurns, Dtype, Lanes } from "../../lower/lanes.ts";
import { byTurns } from "../../lower/math/together.ts";
import type { Context, Value } from "./context.ts";
import type { WasmModule } from "./module.ts";
import type { SimdName } from "./opcodes.ts";

const MAGIC = 6755399441055744;

/** The bits of a number in the dtype. */
export function patternOf(dtype: Dtype, value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  if (dtype === "f32") view.setFloat32(0, value);
  else view.setFloat64(0, value);
  return dtype === "f32" ? BigInt(view.getUint32(0)) : view.getBigUint64(0);
}

/** Lanes of the function being written. */
export class WasmLanes implements Lanes<Value> {
  readonly dtype: Dtype;
  readonly byTurns: ByTurns = byTurns;
  /** Lanes of a vector. */
  readonly width: number;
  readonly #module: WasmModule;
  readonly #float: "f32x4" | "f64x2";
  readonly #int: "i32x4" | "i64x2";
  readonly #fused: boolean;
  /** The operands of masks that `lt` made. */
  readonly #compared = new WeakMap<Value, readonly [Value, Value]>();

  /** `fused`: use relaxed multiply-add. */
  constructor(module: WasmModule, options: { dtype: Dtype; fused: boolean }) {
    const single = options.dtype === "f32";
    this.dtype = options.dtype;
    this.width = single ? 4 : 2;
    this.#module = module;
    this.#float = single ? "f32x4" : "f64x2";
    this.#int = single ? "i32x4" : "i64x2";
    this.#fused = options.fused;
  }

  constant(value: number): Value {
    return this.bits(patternOf(this.dtype, value));
  }

  bits(pattern: bigint): Value {
    const context = this.#context;
    const bits = BigInt.asUintN(this.dtype === "f32" ? 32 : 64, pattern);
    return context.vector(`bits(${bits})`, () => {
      if (bits === 0n) context.code.simd("v128.const", new Uint8Array(16));
      else {
        context.code.i32(0);
        context.code.simdMemory("v128.load", this.#module.pool.vector(bits));
      }
    });
  }

  add(a: Value, b: Value): Value {
    return this.#onFloats("add", [a, b]);
  }
  sub(a: Value, b: Value): Value {
    return this.#onFloats("sub", [a, b]);
  }
  mul(a: Value, b: Value): Value {
    return this.#onFloats("mul", [a, b]);
  }
  div(a: Value, b: Value): Value {
    return this.#onFloats("div", [a, b]);
  }

  fma(a: Value, b: Value, c: Value): Value {
    return this.#fused ? this.#onFloats("relaxed_madd", [a, b, c]) : this.add(this.mul(a, b), c);
  }

  fnma(a: Value, b: Value, c: Value): Value {
    return this.#fused ? this.#onFloats("relaxed_nmadd", [a, b, c]) : this.sub(c, this.mul(a, b));
  }

  neg(a: Value): Value {
    return this.#onFloats("neg", [a]);
  }
  abs(a: Value): Value {
    return this.#onFloats("abs", [a]);
  }
  sqrt(a: Value): Value {
    return this.#onFloats("sqrt", [a]);
  }
  floor(a: Value): Value {
    return this.#onFloats("floor", [a]);
  }
  ceil(a: Value): Value {
    return this.#onFloats("ceil", [a]);
  }
  trunc(a: Value): Value {
    return this.#onFloats("trunc", [a]);
  }
  nearest(a: Value): Value {
    return this.#onFloats("nearest", [a]);
  }
  min(a: Value, b: Value): Value {
    return this.#onFloats("min", [a, b]);
  }
  max(a: Value, b: Value): Value {
    return this.#onFloats("max", [a, b]);
  }
  pmin(a: Value, b: Value): Value {
    return this.#onFloats("pmin", [a, b]);
  }
  pmax(a: Value, b: Value): Value {
    return this.#onFloats("pmax", [a, b]);
  }
  lt(a: Value, b: Value): Value {
    const mask = this.#onFloats("lt", [a, b]);
    this.#compared.set(mask, [a, b]);
    return mask;
  }
  le(a: Value, b: Value): Value {
    return this.#onFloats("le", [a, b]);
  }
  eq(a: Value, b: Value): Value {
    return this.#onFloats("eq", [a, b]);
  }
  ne(a: Value, b: Value): Value {
    return this.#onFloats("ne", [a, b]);
  }

  /** a < b ? a : b and a < b ? b : a are one instruction, NaN and signed zeros included. */
  select(mask: Value, a: Value, b: Value): Value {
    const [low, high] = this.#compared.get(mask) ?? [];
    if (low === a && high === b) return this.#onFloats("pmin", [b, a]);
    if (low === b && high === a) return this.#onFloats("pmax", [b, a]);
    return this.#context.simd("v128.bitselect", [a, b, mask]);
  }

  and(a: Value, b: Value): Value {
    return this.#context.simd("v128.and", [a, b]);
  }
  or(a: Value, b: Value): Value {
    return this.#context.simd("v128.or", [a, b]);
  }
  xor(a: Value, b: Value): Value {
    return this.#context.simd("v128.xor", [a, b]);
  }
  shl(a: Value, count: number): Value {
    return this.#shift("shl", a, count);
  }
  shr(a: Value, count: number): Value {
    return this.#shift("shr_u", a, count);
  }
  sar(a: Value, count: number): Value {
    return this.#shift("shr_s", a, count);
  }
  iadd(a: Value, b: Value): Value {
    return this.integers("add", [a, b]);
  }
  isub(a: Value, b: Value): Value {
    return this.integers("sub", [a, b]);
  }
  imul(a: Value, b: Value): Value {
    return this.integers("mul", [a, b]);
  }

  lookup(table: readonly bigint[], index: Value): Value {
    const context = this.#context;
    const own = context.own(index);
    const address = this.#module.pool.table(table);
    return context.vector(`table${address}(${own.key})`, () => {
      context.code.simd("v128.const", new Uint8Array(16));
      for (let lane = 0; lane < this.width; lane++) this.#lookupLane(own, { lane, address });
    });
  }

  rarely(mask: Value, exact: () => Value, fast: Value): Value {
    const context = this.#context;
    const [asked, usual] = [context.own(mask), context.own(fast)];
    const result = context.fresh(usual);
    context.code.get(asked.local);
    context.code.simd("v128.any_true");
    context.code.open("if");
    context.scoped(() => {
      const value = this.#module.outOfLine(exact);
      context.code.get(this.select(asked, value, usual).local);
      context.code.set(result.local);
    });
    context.code.op("end");
    return result;
  }

  /** An instruction on integer lanes. */
  integers(name: string, operands: readonly Value[]): Value {
    return this.#context.simd(`${this.#int}.${name}` as SimdName, operands);
  }

  intToFloat(a: Value): Value {
    if (this.dtype === "f32") return this.#context.simd("f32x4.convert_i32x4_s", [a]);
    return this.sub(this.iadd(a, this.constant(MAGIC)), this.constant(MAGIC));
  }

  /** Truncates; |a| < 2⁵¹ in f64. */
  floatToInt(a: Value): Value {
    if (this.dtype === "f32") return this.#context.simd("i32x4.trunc_sat_f32x4_s", [a]);
    return this.isub(this.add(this.trunc(a), this.constant(MAGIC)), this.constant(MAGIC));
  }

  get #context(): Context {
    return this.#module.current;
  }

  #onFloats(name: string, operands: readonly Value[]): Value {
    return this.#context.simd(`${this.#float}.${name}` as SimdName, operands);
  }

  #shift(name: string, a: Value, count: number): Value {
    const context = this.#context;
    const own = context.own(a);
    return context.vector(`${name}${count}(${own.key})`, () => {
      context.code.get(own.local);
      context.code.i32(count);
      context.code.simd(`${this.#int}.${name}` as SimdName);
    });
  }

  #lookupLane(index: Value, { lane, address }: { lane: number; address: number }): void {
    const { code } = this.#context;
    const single = this.dtype === "f32";
    code.get(index.local);
    code.simd(single ? "i32x4.extract_lane" : "i64x2.extract_lane", [lane]);
    if (!single) code.op("i32.wrap_i64");
    code.i32(single ? 2 : 3);
    code.op("i32.shl");
    code.memory(single ? "i32.load" : "i64.load", address);
    code.simd(single ? "i32x4.replace_lane" : "i64x2.replace_lane", [lane]);
  }
}
