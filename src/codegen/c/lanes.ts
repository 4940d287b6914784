/**
 * Lane arithmetic as C: each operation is a macro or inline function of the prelude, on vectors of any width.
 *
 * In: calls of the `Lanes` interface. Out: lines of the function being written (`file.current`), each written once per
 * distinct operands. Masks stay in the machine's own form until their bits are asked for.
 */

import type { ByTurns, Dtype, TableFormula, TableLanes } from "../../lower/lanes.ts";
import type { CFile } from "./file.ts";
import type { Kind, Value, Writer } from "./writer.ts";

const MAGIC = 6755399441055744;

/** What the lanes are, and what the machine does in one instruction. */
export interface LanesOptions {
  readonly dtype: Dtype;
  /** Multiply-adds round once. */
  readonly fused: boolean;
  /** Instructions read a cell of memory for all lanes. */
  readonly embeds?: boolean | undefined;
  /** Functions by tables of 16 floats, where one instruction looks them up. */
  readonly tables?: Readonly<Record<string, TableFormula>> | undefined;
  /** How these are written for several vectors. */
  readonly byTurns?: ByTurns | undefined;
}

/** Lanes of the function being written. */
export class CLanes implements TableLanes<Value> {
  readonly dtype: Dtype;
  /** Instructions may read one operand from memory. */
  readonly embeds: boolean;
  readonly #file: CFile;
  readonly #fused: boolean;
  readonly #bits: 32 | 64;
  readonly tables: LanesOptions["tables"];
  readonly byTurns: LanesOptions["byTurns"];

  constructor(file: CFile, options: LanesOptions) {
    this.dtype = options.dtype;
    this.embeds = options.embeds ?? false;
    this.tables = options.tables;
    this.byTurns = options.byTurns;
    this.#file = file;
    this.#fused = options.fused;
    this.#bits = options.dtype === "f32" ? 32 : 64;
  }

  constant(value: number): Value {
    const rounded = this.dtype === "f32" ? Math.fround(value) : value;
    const pattern = patternOf(this.dtype, rounded);
    if (!Number.isFinite(rounded)) return this.#as(this.bits(pattern), "float");
    return this.#writer.vector("float", `SET(${literal(this.dtype, rounded)})`, { pattern });
  }

  bits(pattern: bigint): Value {
    const bits = BigInt.asUintN(this.#bits, pattern);
    return this.#writer.vector("int", `SETI(${this.hexadecimal(bits)})`, { pattern: bits });
  }

  /** A lane's bits as a C constant. */
  hexadecimal(pattern: bigint): string {
    const bits = BigInt.asUintN(this.#bits, pattern);
    return this.#bits === 32 ? `0x${bits.toString(16)}u` : `UINT64_C(0x${bits.toString(16)})`;
  }

  add(a: Value, b: Value): Value {
    return this.#commuting("ADD", a, b);
  }
  sub(a: Value, b: Value): Value {
    return this.#float("SUB", a, b);
  }
  mul(a: Value, b: Value): Value {
    return this.#commuting("MUL", a, b);
  }
  div(a: Value, b: Value): Value {
    return this.#float("DIV", a, b);
  }
  fma(a: Value, b: Value, c: Value): Value {
    if (!this.#fused) return this.add(this.mul(a, b), c);
    const { cell } = this.#writer.own(a);
    if (cell === undefined) return b.cell === undefined ? this.#float("FMA", a, b, c) : this.fma(b, a, c);
    const addend = this.#writer.own(c).cell;
    const y = addend === undefined ? c : this.#writer.vector("float", `CELL(${addend})`);
    const names = [b, y].map((operand) => this.#as(operand, "float").name);
    return this.#writer.vector("float", `FMA_CELL(${cell}, ${names.join(", ")})`);
  }
  fnma(a: Value, b: Value, c: Value): Value {
    return this.#fused ? this.#float("FNMA", a, b, c) : this.sub(c, this.mul(a, b));
  }
  neg(a: Value): Value {
    return this.#float("NEG", a);
  }
  abs(a: Value): Value {
    return this.#float("ABS", a);
  }
  sqrt(a: Value): Value {
    return this.#float("SQRT", a);
  }
  floor(a: Value): Value {
    return this.#float("FLOOR", a);
  }
  ceil(a: Value): Value {
    return this.#float("CEIL", a);
  }
  trunc(a: Value): Value {
    return this.#float("TRUNC", a);
  }
  nearest(a: Value): Value {
    return this.#float("NEAREST", a);
  }
  min(a: Value, b: Value): Value {
    return this.#float("MIN", a, b);
  }
  max(a: Value, b: Value): Value {
    return this.#float("MAX", a, b);
  }

  pmin(a: Value, b: Value): Value {
    return this.#float("LOW", b, a);
  }
  pmax(a: Value, b: Value): Value {
    return this.#float("HIGH", b, a);
  }

  lt(a: Value, b: Value): Value {
    return this.#compare("LT", a, b);
  }
  le(a: Value, b: Value): Value {
    return this.#compare("LE", a, b);
  }
  eq(a: Value, b: Value): Value {
    return this.#compare("EQ", a, b);
  }
  ne(a: Value, b: Value): Value {
    return this.#compare("NE", a, b);
  }

  select(mask: Value, a: Value, b: Value): Value {
    const condition = this.#as(mask, "mask").name;
    if (a.kind === "mask" && b.kind === "mask") {
      const [x, y] = [this.#as(a, "mask"), this.#as(b, "mask")];
      return this.#writer.vector("mask", `MSEL(${condition}, ${x.name}, ${y.name})`);
    }
    const [x, y] = [this.#as(a, "float"), this.#as(b, "float")];
    return this.#writer.vector("float", `SEL(${condition}, ${x.name}, ${y.name})`);
  }

  and(a: Value, b: Value): Value {
    return this.#bitwise("&", a, b);
  }
  or(a: Value, b: Value): Value {
    return this.#bitwise("|", a, b);
  }
  xor(a: Value, b: Value): Value {
    return this.#bitwise("^", a, b);
  }
  shl(a: Value, count: number): Value {
    return this.#int("SHL", a, count);
  }
  shr(a: Value, count: number): Value {
    return this.#int("SHR", a, count);
  }
  sar(a: Value, count: number): Value {
    return this.#int("SAR", a, count);
  }
  iadd(a: Value, b: Value): Value {
    return this.#int("IADD", a, b);
  }
  isub(a: Value, b: Value): Value {
    return this.#int("ISUB", a, b);
  }
  imul(a: Value, b: Value): Value {
    return this.#int("IMUL", a, b);
  }

  lookup(table: readonly bigint[], index: Value): Value {
    const name = this.#file.table(table);
    return this.#writer.vector("int", `lookup(${name}, ${this.#as(index, "int").name})`);
  }

  permute(table: readonly number[], index: Value): Value {
    const name = this.#file.table(table.map((number) => patternOf(this.dtype, number)));
    return this.#writer.vector("float", `PERMUTE16(${name}, ${this.#as(index, "int").name})`);
  }

  scale(a: Value, n: Value): Value {
    return this.#float("SCALE", a, n);
  }
  exponent(a: Value): Value {
    return this.#float("EXPONENT", a);
  }
  mantissa(a: Value): Value {
    return this.#float("MANTISSA", a);
  }

  rarely(mask: Value, exact: () => Value, fast: Value): Value {
    const writer = this.#writer;
    const asked = this.#as(mask, "mask");
    const usual = this.#as(fast, "float");
    const name = writer.name("x");
    writer.line(`vf ${name} = ${usual.name};`);
    writer.block(`if (UNLIKELY(ANY(${asked.name})))`, () => {
      const value = this.#as(this.#file.outOfLine(exact), "float");
      writer.line(`${name} = SEL(${asked.name}, ${value.name}, ${usual.name});`);
    });
    return { name, key: name, kind: "float", writer };
  }

  /** The same lanes in another form. */
  as(value: Value, kind: Kind): Value {
    return this.#as(value, kind);
  }

  /** A comparison of integer lanes. */
  compareInts(name: "ILT" | "ILE" | "IEQ", a: Value, b: Value): Value {
    const [x, y] = [this.#as(a, "int"), this.#as(b, "int")];
    return this.#writer.vector("mask", `${name}(${x.name}, ${y.name})`);
  }

  intToFloat(a: Value): Value {
    if (this.dtype === "f32") return this.#writer.vector("float", `TOFLOAT(${this.#as(a, "int").name})`);
    return this.sub(this.iadd(a, this.constant(MAGIC)), this.constant(MAGIC));
  }

  /** Truncates; |a| < 2⁵¹ in f64. */
  floatToInt(a: Value): Value {
    if (this.dtype === "f32") return this.#writer.vector("int", `TOINT(${this.#as(a, "float").name})`);
    return this.isub(this.add(this.trunc(a), this.constant(MAGIC)), this.constant(MAGIC));
  }

  get #writer(): Writer {
    return this.#file.current;
  }

  #as(value: Value, kind: Kind): Value {
    const own = this.#writer.own(value);
    if (own.kind === kind) return own;
    if (own.kind === "mask") return this.#as(this.#writer.vector("int", `MASK_INT(${own.name})`), kind);
    const bits = own.pattern === undefined ? {} : { pattern: own.pattern };
    if (kind === "mask") return this.#writer.vector("mask", `INT_MASK(${this.#as(own, "int").name})`, bits);
    return this.#writer.vector(kind, `${kind === "int" ? "BITS" : "FLOATS"}(${own.name})`, bits);
  }

  #float(name: string, ...operands: readonly Value[]): Value {
    const names = operands.map((operand) => this.#as(operand, "float").name);
    return this.#writer.vector("float", `${name}(${names.join(", ")})`);
  }

  /** With one operand from memory, if it is there. */
  #commuting(name: "ADD" | "MUL", a: Value, b: Value): Value {
    const { cell } = this.#writer.own(a);
    if (cell !== undefined)
      return this.#writer.vector("float", `${name}_CELL(${cell}, ${this.#as(b, "float").name})`);
    return this.#writer.own(b).cell === undefined ? this.#float(name, a, b) : this.#commuting(name, b, a);
  }

  #compare(name: string, a: Value, b: Value): Value {
    return this.#writer.vector("mask", `${name}(${this.#as(a, "float").name}, ${this.#as(b, "float").name})`);
  }

  #int(name: string, a: Value, b: Value | number): Value {
    const right = typeof b === "number" ? b : this.#as(b, "int").name;
    return this.#writer.vector("int", `${name}(${this.#as(a, "int").name}, ${right})`);
  }

  /** Masks combine as masks, also with constants that are masks; all else as bits. */
  #bitwise(op: "&" | "|" | "^", a: Value, b: Value): Value {
    const words = { "&": "AND", "|": "OR", "^": "XOR" } as const;
    if ((a.kind === "mask" && this.#isMask(b)) || (b.kind === "mask" && this.#isMask(a))) {
      const [x, y] = [this.#as(a, "mask"), this.#as(b, "mask")];
      return this.#writer.vector("mask", `M${words[op]}(${x.name}, ${y.name})`);
    }
    const [x, y] = [this.#as(a, "int"), this.#as(b, "int")];
    return this.#writer.vector("int", `I${words[op]}(${x.name}, ${y.name})`);
  }

  #isMask({ kind, pattern }: Value): boolean {
    return kind === "mask" || pattern === 0n || pattern === BigInt.asUintN(this.#bits, -1n);
  }
}

/** The bits of a number in the dtype. */
function patternOf(dtype: Dtype, value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  if (dtype === "f32") view.setFloat32(0, value);
  else view.setFloat64(0, value);
  return dtype === "f32" ? BigInt(view.getUint32(0)) : view.getBigUint64(0);
}

/** A finite number as a C constant; reading it gives the same number. */
export function literal(dtype: Dtype, value: number): string {
  const digits = Object.is(value, -0) ? "-0" : `${value}`;
  const point = /[.e]/.test(digits) ? digits : `${digits}.0`;
  return dtype === "f32" ? `${point}f` : point;
}
