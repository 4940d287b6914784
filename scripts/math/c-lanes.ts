/**
 * `Lanes` that writes one lane as C, for sweeps over millions of arguments.
 *
 * In: calls of lane operations. Out: C statements over bit patterns, shared by hash-consing; `rarely` becomes an
 * `if` whose own values stay inside it.
 */

import type { Dtype, Lanes, TableLanes } from "../../src/lower/lanes.ts";

/** The statements of one formula and the number of distinct operations on its fast path. */
export interface CFormula {
  readonly body: string;
  readonly operations: number;
}

type Operation = Exclude<
  keyof Lanes<string>,
  "dtype" | "constant" | "bits" | "lookup" | "rarely" | "tables" | "byTurns"
>;

/** Arithmetic and bit operations as C on bit patterns. */
function laneOperations(emit: (code: string) => string): Pick<Lanes<string>, Operation> {
  const floats =
    (template: (...names: string[]) => string) =>
    (...args: string[]): string =>
      emit(`B(${template(...args.map((a) => `F(${a})`))})`);
  const test =
    (operator: string) =>
    (a: string, b: string): string =>
      emit(`(W)0 - (W)(F(${a}) ${operator} F(${b}))`);
  const integer =
    (operator: string) =>
    (a: string, b: string): string =>
      emit(`${a} ${operator} ${b}`);
  const call = (name: string) => floats((...args) => `M(${name})(${args.join(", ")})`);
  return {
    add: floats((a, b) => `${a} + ${b}`),
    sub: floats((a, b) => `${a} - ${b}`),
    mul: floats((a, b) => `${a} * ${b}`),
    div: floats((a, b) => `${a} / ${b}`),
    fma: floats((a, b, c) => `FMA(${a}, ${b}, ${c})`),
    fnma: floats((a, b, c) => `FMA(-${a}, ${b}, ${c})`),
    neg: floats((a) => `-${a}`),
    abs: call("fabs"),
    sqrt: call("sqrt"),
    floor: call("floor"),
    ceil: call("ceil"),
    trunc: call("trunc"),
    nearest: call("nearbyint"),
    min: call("fmin"),
    max: call("fmax"),
    pmin: (a, b) => emit(`F(${b}) < F(${a}) ? ${b} : ${a}`),
    pmax: (a, b) => emit(`F(${a}) < F(${b}) ? ${b} : ${a}`),
    lt: test("<"),
    le: test("<="),
    eq: test("=="),
    ne: test("!="),
    select: (mask, a, b) => emit(`(${a} & ${mask}) | (${b} & ~${mask})`),
    and: integer("&"),
    or: integer("|"),
    xor: integer("^"),
    shl: (a, count) => emit(`${a} << ${count}`),
    shr: (a, count) => emit(`${a} >> ${count}`),
    sar: (a, count) => emit(`(W)((S)${a} >> ${count})`),
    iadd: integer("+"),
    isub: integer("-"),
    imul: integer("*"),
  };
}

/** A float's bit pattern as a C literal. */
function bitsOf(dtype: Dtype, value: number): string {
  const buffer = new DataView(new ArrayBuffer(8));
  if (dtype === "f32") {
    buffer.setFloat32(0, value);
    return `0x${buffer.getUint32(0).toString(16)}u`;
  }
  buffer.setFloat64(0, value);
  return `0x${buffer.getBigUint64(0).toString(16)}ull`;
}

/** Writes a formula as the body of a C function of bit patterns x, y. */
export function writeFormula(dtype: Dtype, formula: (l: TableLanes<string>) => string): CFormula {
  let seen = new Map<string, string>();
  let lines: string[] = [];
  let next = 0;
  let operations = 0;
  let depth = 0;
  const suffix = dtype === "f32" ? "u" : "ull";
  const emit = (code: string): string => {
    const known = seen.get(code);
    if (known !== undefined) return known;
    const name = `v${next++}`;
    lines.push(`W ${name} = ${code};`);
    seen.set(code, name);
    if (depth === 0) operations += 1;
    return name;
  };
  const lanes: TableLanes<string> = {
    dtype,
    constant: (value) => bitsOf(dtype, value),
    bits: (value) => `0x${BigInt.asUintN(dtype === "f32" ? 32 : 64, value).toString(16)}${suffix}`,
    ...laneOperations(emit),
    lookup: (table, index) => {
      const entries = table.map((entry) => `0x${entry.toString(16)}${suffix}`).join(",");
      return emit(`((const W[]){${entries}})[${index}]`);
    },
    permute: (table, index) => {
      const entries = table.map((entry) => bitsOf(dtype, entry)).join(",");
      return emit(`((const W[]){${entries}})[${index} & ${table.length - 1}]`);
    },
    scale: (a, n) => emit(`B(_mm_cvtss_f32(_mm_scalef_ss(_mm_set_ss(F(${a})), _mm_set_ss(F(${n})))))`),
    exponent: (a) => emit(`B(_mm_cvtss_f32(_mm_getexp_ss(_mm_set_ss(F(${a})), _mm_set_ss(F(${a})))))`),
    mantissa: (a) => emit(`B(_mm_cvtss_f32(_mm_getmant_ss(_mm_set_ss(F(${a})), _mm_set_ss(F(${a})), 0, 2)))`),
    rarely: (mask, exact, fast) => {
      const outer = { seen: new Map(seen), lines };
      lines = [];
      depth += 1;
      const result = exact();
      depth -= 1;
      const inner = lines;
      ({ seen, lines } = outer);
      const name = `v${next++}`;
      lines.push(`W ${name} = ${fast};`, `if (${mask}) {`, ...inner, `${name} = ${result};`, "}");
      return name;
    },
  };
  const result = formula(lanes);
  return { body: [...lines, `return ${result};`].join("\n"), operations };
}
