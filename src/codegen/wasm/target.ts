/**
 * The shared emitter's view of a WebAssembly function: integers fold into offsets, loops test at their end.
 *
 * In: calls of the `Target` interface. Out: code of `module.current`.
 */

import type { Blocking, Bounds, CellStrip, IntegerOp, Target, Variable } from "../target.ts";
import type { Context, Int, Value } from "./context.ts";
import { integerOp } from "./integers.ts";
import type { WasmLanes } from "./lanes.ts";
import type { WasmModule } from "./module.ts";
import { type SimdName, types } from "./opcodes.ts";

/** xmm0 … xmm14: V8 keeps the last one for itself. */
export const VECTOR_REGISTERS = 15;

/**
 * Register blocks: sums enough to hide the latency of multiply-adds, few enough for the registers. 6 × 2 fill all 15
 * (97 % of peak), in engines that keep instructions in order; older ones spill then (64 %) and take 4 × 2 (91 %).
 */
export function blockingOf({ ordered }: { ordered: boolean }): Blocking {
  return ordered ? { rows: 6, leastRows: 4, sums: 12, vectors: 2 } : { rows: 4, sums: 8, vectors: 2 };
}

/** The function being written, for the shared emitter. */
export class WasmTarget implements Target<Value, Int> {
  readonly lanes: WasmLanes;
  readonly width: number;
  readonly registers: number = VECTOR_REGISTERS;
  readonly blocking: Blocking;
  readonly #module: WasmModule;

  constructor(module: WasmModule, blocking: Blocking) {
    this.#module = module;
    this.blocking = blocking;
    this.lanes = module.lanes;
    this.width = module.lanes.width;
  }

  int(value: number): Int {
    return { local: undefined, key: "", offset: value };
  }

  plus(a: Int, b: Int): Int {
    if (b.local === undefined) return { ...a, offset: a.offset + b.offset };
    if (a.local === undefined) return { ...b, offset: a.offset + b.offset };
    const sum = this.#context.integer("i32.add", { ...a, offset: 0 }, { ...b, offset: 0 });
    return { ...sum, offset: a.offset + b.offset };
  }

  times(a: Int, factor: number): Int {
    if (a.local === undefined) return this.int(a.offset * factor);
    if (factor === 1) return a;
    const product = this.#context.integer("i32.mul", { ...a, offset: 0 }, this.int(factor));
    return { ...product, offset: a.offset * factor };
  }

  loadInt(address: Int, offset: number): Int {
    const context = this.#context;
    return context.int(`int(${address.key}+${address.offset + offset})`, () =>
      context.code.memory("i32.load", context.pushAddress(address, offset)),
    );
  }

  splatInt(value: Int): Value {
    const context = this.#context;
    if (value.local === undefined) return this.lanes.bits(BigInt(value.offset));
    return context.vector(`splat(${value.key}+${value.offset})`, () => {
      context.push(value);
      if (this.lanes.dtype === "f64") context.code.op("i64.extend_i32_s");
      context.code.simd(this.lanes.dtype === "f32" ? "i32x4.splat" : "i64x2.splat");
    });
  }

  laneNumbers(): Value {
    const context = this.#context;
    const address = this.#module.pool.table([0n, 1n, 2n, 3n].slice(0, this.width));
    return context.vector("lane numbers", () => {
      context.code.i32(0);
      context.code.simdMemory("v128.load", address);
    });
  }

  load(address: Int, offset: number): Value {
    const context = this.#context;
    return context.vector(`load(${address.key}+${address.offset + offset})#${context.stores}`, () =>
      context.code.simdMemory("v128.load", context.pushAddress(address, offset)),
    );
  }

  splat(address: Int, offset: number, space: "tile" | "bound" = "bound"): Value {
    return this.#splat(address, offset, space === "tile" ? `#${this.#context.stores}` : "");
  }

  store(address: Int, offset: number, value: Value): void {
    const context = this.#context;
    const rest = context.pushAddress(address, offset);
    context.code.get(context.own(value).local);
    context.code.simdMemory("v128.store", rest);
    context.noteStore();
  }

  spread(
    address: Int,
    offset: number,
    { space, stride, lanes }: CellStrip & { space: "tile" | "bound" },
  ): Value {
    const context = this.#context;
    if (lanes === this.width && stride === this.#cellBytes) return this.load(address, offset);
    let value = this.splat(address, offset, space);
    if (stride === 0) return value;
    const name = this.lanes.dtype === "f32" ? "v128.load32_lane" : "v128.load64_lane";
    for (let lane = 1; lane < lanes; lane++) {
      const before = value;
      const at = offset + lane * stride;
      value = context.vector(`lane${lane}(${before.key},${address.key}+${at})#${context.stores}`, () => {
        const rest = context.pushAddress(address, at);
        context.code.get(before.local);
        context.code.simdMemory(name, rest, lane);
      });
    }
    return value;
  }

  scatter(address: Int, value: Value, { offset, stride, lanes }: CellStrip & { offset: number }): void {
    if (lanes === this.width && stride === this.#cellBytes) return this.store(address, offset, value);
    const context = this.#context;
    const name = this.lanes.dtype === "f32" ? "v128.store32_lane" : "v128.store64_lane";
    const { local } = context.own(value);
    for (let lane = 0; lane < lanes; lane++) {
      const rest = context.pushAddress(address, offset + lane * stride);
      context.code.get(local);
      context.code.simdMemory(name, rest, lane);
    }
    context.noteStore();
  }

  transpose(rows: readonly Value[]): readonly Value[] {
    const shuffle = (a: Value, b: Value, words: readonly number[]): Value => {
      const indices = words.flatMap((word) => [0, 1, 2, 3].map((byte) => word * 4 + byte));
      return this.#context.simd("i8x16.shuffle" satisfies SimdName, [a, b], indices);
    };
    const [low, high] = [
      [0, 1, 4, 5],
      [2, 3, 6, 7],
    ] as const;
    const [a, b, c, d] = rows as readonly [Value, Value, Value, Value];
    if (this.width === 2) return [shuffle(a, b, low), shuffle(a, b, high)];
    const pairs = [
      [a, b],
      [c, d],
    ].map(([x, y]) => [
      shuffle(x as Value, y as Value, [0, 4, 1, 5]),
      shuffle(x as Value, y as Value, [2, 6, 3, 7]),
    ]);
    const [[ab01, ab23], [cd01, cd23]] = pairs as [[Value, Value], [Value, Value]];
    return [
      shuffle(ab01, cd01, low),
      shuffle(ab01, cd01, high),
      shuffle(ab23, cd23, low),
      shuffle(ab23, cd23, high),
    ];
  }

  variable(initial: Value): Variable<Value> {
    const context = this.#context;
    const { local } = context.fresh(context.own(initial));
    return {
      get: () => ({ local, key: `x${local}@${context.epoch}`, context }),
      set: (value) => {
        context.code.get(context.own(value).local);
        context.code.set(local);
        context.noteAssignment();
      },
    };
  }

  counter(initial: Int): Variable<Int> {
    const context = this.#context;
    const local = context.code.local(types.i32);
    const set = (value: Int): void => {
      context.push(value);
      context.code.set(local);
      context.noteAssignment();
    };
    set(initial);
    return { get: () => ({ local, key: `c${local}@${context.epoch}`, offset: 0 }), set };
  }

  loop(bounds: Bounds<Int>, body: (i: Int) => void): Int {
    const { from, to, step } = bounds;
    if (from.local === undefined && to.local === undefined) return this.#fixedLoop(from.offset, bounds, body);
    const context = this.#context;
    const i = this.counter(from);
    const limit = this.counter(this.plus(to, this.int(-step)));
    context.push(i.get());
    context.push(limit.get());
    context.code.op("i32.le_s");
    context.code.open("if");
    this.#repeat({ i, step, limit: limit.get() }, body);
    context.code.op("end");
    return i.get();
  }

  inline(name: string, values: readonly Value[], make: (params: readonly Value[]) => Value): Value {
    return this.#module.inline(name, values, make);
  }

  call(name: string, values: readonly Value[], make: (params: readonly Value[]) => Value): Value {
    return this.#module.call(name, values, make);
  }

  intToFloat(value: Value): Value {
    return this.lanes.intToFloat(value);
  }

  floatToInt(value: Value): Value {
    return this.lanes.floatToInt(value);
  }

  integer(op: IntegerOp, operands: readonly Value[]): Value {
    return integerOp(this.lanes, op, operands);
  }

  get #cellBytes(): number {
    return this.lanes.dtype === "f32" ? 4 : 8;
  }

  /** One cell in every lane; `when` tells apart what it held at different times. */
  #splat(address: Int, offset: number, when: string): Value {
    const context = this.#context;
    const name = this.lanes.dtype === "f32" ? "v128.load32_splat" : "v128.load64_splat";
    return context.vector(`${name}(${address.key}+${address.offset + offset})${when}`, () =>
      context.code.simdMemory(name, context.pushAddress(address, offset)),
    );
  }

  get #context(): Context {
    return this.#module.current;
  }

  #fixedLoop(from: number, { to, step }: Bounds<Int>, body: (i: Int) => void): Int {
    const count = Math.max(0, Math.floor((to.offset - from) / step));
    if (count === 1) body(this.int(from));
    if (count > 1)
      this.#repeat({ i: this.counter(this.int(from)), step, limit: this.int(to.offset - step) }, body);
    return this.int(from + count * step);
  }

  #repeat({ i, step, limit }: { i: Variable<Int>; step: number; limit: Int }, body: (i: Int) => void): void {
    const context = this.#context;
    context.code.open("loop");
    context.scoped(() => {
      body(i.get());
      i.set(this.plus(i.get(), this.int(step)));
      context.push(i.get());
      context.push(limit);
      context.code.op("i32.le_s");
      context.code.op("br_if", 0);
    });
    context.code.op("end");
  }
}
