/**
 * The shared emitter's view of a C function: addresses are byte offsets, from the scratch for tiles and from the
 * kernel's memory for bound cells.
 *
 * In: calls of the `Target` interface. Out: lines of `file.current`, which has parameters `s` and `m`.
 */

import type { Blocking, Bounds, CellStrip, IntegerOp, Target, Variable } from "../target.ts";
import type { CFile } from "./file.ts";
import type { CLanes } from "./lanes.ts";
import { type Int, textOf, typeOf, type Value, type Writer } from "./writer.ts";

/** The machine's vector registers and how products use them. */
export interface Registers {
  /** Lanes of a vector. */
  readonly width: number;
  readonly registers: number;
  readonly blocking: Blocking;
}

/** The function being written, for the shared emitter. */
export class CTarget implements Target<Value, Int> {
  readonly lanes: CLanes;
  readonly width: number;
  readonly registers: number;
  readonly blocking: Blocking;
  readonly #file: CFile;

  constructor(file: CFile, { width, registers, blocking }: Registers) {
    this.#file = file;
    this.lanes = file.lanes;
    this.width = width;
    this.registers = registers;
    this.blocking = blocking;
  }

  int(value: number): Int {
    return { name: undefined, key: "", offset: value };
  }

  plus(a: Int, b: Int): Int {
    const base = a.base ?? b.base;
    if (b.name === undefined) return { ...a, base, offset: a.offset + b.offset };
    if (a.name === undefined) return { ...b, base, offset: a.offset + b.offset };
    const sum = this.#writer.int(`${a.name} + ${b.name}`, `@${a.key},${b.key}`);
    return { ...sum, base, offset: a.offset + b.offset };
  }

  times(a: Int, factor: number): Int {
    if (a.name === undefined) return this.int(a.offset * factor);
    if (factor === 1) return a;
    const product = this.#writer.int(`${a.name} * ${factor}`, `@${a.key}`);
    return { ...product, offset: a.offset * factor };
  }

  loadInt(address: Int, offset: number): Int {
    return this.#writer.int(`(ix)LOAD_INT(${place("m", address, offset)})`, `@${address.key}`);
  }

  splatInt(value: Int): Value {
    if (value.name === undefined) return this.lanes.bits(BigInt(value.offset));
    return this.#writer.vector("int", `SETI(${textOf(value)})`, { key: `@${value.key}` });
  }

  laneNumbers(): Value {
    const table = this.#file.table(Array.from({ length: this.width }, (_, lane) => BigInt(lane)));
    return this.lanes.as(this.#writer.vector("float", `LOADU(${table})`), "int");
  }

  load(address: Int, offset: number): Value {
    const writer = this.#writer;
    const key = `@${address.key}#${writer.stores}`;
    return writer.vector("float", `LOAD(${place("s", address, offset)})`, { key });
  }

  splat(address: Int, offset: number, space: "tile" | "bound" = "bound"): Value {
    const writer = this.#writer;
    const base = space === "tile" ? "s" : "m";
    const when = space === "tile" ? `#${writer.stores}` : "";
    const key = `@${address.key}${when}`;
    if (!this.lanes.embeds) return writer.vector("float", `SPLAT(${place(base, address, offset)})`, { key });
    const at = writer.int(textOf({ ...address, offset: address.offset + offset }), `@${address.key}`);
    const cell = place(base, at, 0);
    return writer.vector("float", `SPLAT(${cell})`, { key: when, cell });
  }

  prefetch(address: Int, offset: number): void {
    this.#writer.line(`PREFETCH(${place("m", address, offset)});`);
  }

  store(address: Int, offset: number, value: Value): void {
    const writer = this.#writer;
    writer.line(`STORE(${place("s", address, offset)}, ${this.lanes.as(value, "float").name});`);
    writer.noteStore();
  }

  spread(
    address: Int,
    offset: number,
    { space, stride, lanes }: CellStrip & { space: "tile" | "bound" },
  ): Value {
    const writer = this.#writer;
    const from = place(space === "tile" ? "s" : "m", address, offset);
    const key = `@${address.key}${space === "tile" ? `#${writer.stores}` : ""}`;
    if (stride === 0) return writer.vector("float", `SPLAT(${from})`, { key });
    if (stride !== this.#cellBytes)
      return writer.vector("float", `spread(${from}, ${stride}, ${lanes})`, { key });
    const whole = lanes === this.width;
    return writer.vector("float", whole ? `LOADU(${from})` : `LOAD_FIRST(${from}, ${lanes})`, { key });
  }

  scatter(address: Int, value: Value, { offset, stride, lanes }: CellStrip & { offset: number }): void {
    const writer = this.#writer;
    const to = place("s", address, offset);
    const { name } = this.lanes.as(value, "float");
    if (stride !== this.#cellBytes) writer.line(`scatter(${to}, ${name}, ${stride}, ${lanes});`);
    else
      writer.line(
        lanes === this.width ? `STOREU(${to}, ${name});` : `STORE_FIRST(${to}, ${name}, ${lanes});`,
      );
    writer.noteStore();
  }

  transpose(rows: readonly Value[]): readonly Value[] {
    const writer = this.#writer;
    const name = writer.name("r");
    writer.line(`vf ${name}[LANES] = {${rows.map((row) => this.lanes.as(row, "float").name).join(", ")}};`);
    writer.line(`transpose(${name});`);
    return rows.map((_, index) => writer.vector("float", `${name}[${index}]`));
  }

  variable(initial: Value): Variable<Value> {
    const writer = this.#writer;
    const own = writer.own(initial);
    const { kind } = own;
    const name = writer.name("x");
    writer.line(`${typeOf[kind]} ${name} = ${own.name};`);
    return {
      get: () => writer.vector(kind, name, { key: `@${writer.epoch}` }),
      set: (value) => {
        writer.line(`${name} = ${this.lanes.as(value, kind).name};`);
        writer.noteAssignment();
      },
    };
  }

  counter(initial: Int): Variable<Int> {
    const writer = this.#writer;
    const name = writer.name("i");
    const { base } = initial;
    writer.line(`ix ${name} = ${textOf(initial)};`);
    return {
      get: () => ({ name, key: `${name}@${writer.epoch}`, offset: 0, base }),
      set: (value) => {
        writer.line(`${name} = ${textOf(value)};`);
        writer.noteAssignment();
      },
    };
  }

  loop({ from, to, step }: Bounds<Int>, body: (i: Int) => void): Int {
    if (from.name === undefined && to.name === undefined) {
      const count = Math.max(0, Math.floor((to.offset - from.offset) / step));
      if (count === 1) body(from);
      if (count > 1) this.#repeat({ from, to: this.int(to.offset), step }, body);
      return this.int(from.offset + count * step);
    }
    return this.#repeat({ from, to, step }, body);
  }

  inline(name: string, values: readonly Value[], make: (params: readonly Value[]) => Value): Value {
    return this.#file.call(name, "JR_INLINE", { values, make });
  }

  call(name: string, values: readonly Value[], make: (params: readonly Value[]) => Value): Value {
    return this.#file.call(name, "JR_CALLED", { values, make });
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

  get #writer(): Writer {
    return this.#file.current;
  }

  #repeat({ from, to, step }: Bounds<Int>, body: (i: Int) => void): Int {
    const writer = this.#writer;
    const name = writer.name("i");
    writer.line(`ix ${name} = ${textOf(from)};`);
    const last = this.plus(to, this.int(-step));
    writer.block(`for (; ${name} <= ${textOf(last)}; ${name} += ${step})`, () =>
      body({ name, key: `${name}@${writer.epoch}`, offset: 0 }),
    );
    return { name, key: `${name}@${writer.epoch}`, offset: 0 };
  }
}

function place(base: "s" | "m", address: Int, offset: number): string {
  return `${address.base ?? base} + ${textOf({ ...address, offset: address.offset + offset })}`;
}

/** Operations on int lanes; division goes through floats, exact for the indices and counters that ints are for. */
function integerOp(l: CLanes, op: IntegerOp, operands: readonly Value[]): Value {
  const [a, b] = operands as readonly [Value, Value];
  const zero = (): Value => l.bits(0n);
  switch (op) {
    case "neg":
      return l.isub(zero(), a);
    case "abs":
      return l.select(l.compareInts("ILT", a, zero()), l.isub(zero(), a), a);
    case "sign":
      return l.isub(
        l.as(l.compareInts("ILT", a, zero()), "int"),
        l.as(l.compareInts("ILT", zero(), a), "int"),
      );
    case "add":
      return l.iadd(a, b);
    case "sub":
      return l.isub(a, b);
    case "mul":
      return l.imul(a, b);
    case "div":
      return l.floatToInt(l.floor(l.div(l.intToFloat(a), l.intToFloat(b))));
    case "mod":
      return l.isub(a, l.imul(b, integerOp(l, "div", operands)));
    case "min":
      return l.select(l.compareInts("ILT", a, b), a, b);
    case "max":
      return l.select(l.compareInts("ILT", a, b), b, a);
    case "lt":
      return l.compareInts("ILT", a, b);
    case "le":
      return l.compareInts("ILE", a, b);
    case "eq":
      return l.compareInts("IEQ", a, b);
    case "ne":
      return l.xor(l.compareInts("IEQ", a, b), l.bits(-1n));
  }
}
