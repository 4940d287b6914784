/**
 * Lane operations for compilers without vector extensions: a vector is an array of numbers in a struct.
 *
 * In: how many lanes of what. Out: the same names as the vector prelude has, in plain C99 with math.h.
 */

import type { VectorShape } from "./vectors.ts";

/** The types and lane operations. */
export function arraysText({ dtype }: VectorShape): string {
  const suffix = dtype === "f32" ? "f" : "";
  const sign = dtype === "f32" ? "0x80000000u" : "UINT64_C(0x8000000000000000)";
  return `#include <math.h>
typedef struct { cell at[LANES]; } vf;
typedef struct { cell_int at[LANES]; } vi;
typedef vi vm;
${ops.map(operation).join("\n")}
${unary.map(([name, call]) => operation([name, "vf", ["vf a"], `${call}${suffix}(a.at[l])`])).join("\n")}
${["floor", "ceil", "trunc"].map((name) => operation([name.toUpperCase(), "vf", ["vf a"], `${name}${suffix}(a.at[l])`])).join("\n")}
#define SETI(x) set_int((cell_int)(x))
#define LOAD(p) (*(const vf *)(p))
#define STORE(p, v) (*(vf *)(p) = (v))
#define SPLAT(p) SET(*(const cell *)(p))
#define LOAD_INT(p) (*(const cell_int *)(p))
static JR_INLINE vi BITS(vf a) { vi r; memcpy(&r, &a, sizeof r); return r; }
static JR_INLINE vf FLOATS(vi a) { vf r; memcpy(&r, &a, sizeof r); return r; }
static JR_INLINE vf NEG(vf a) { return FLOATS(IXOR(BITS(a), SETI(${sign}))); }
#define MASK_INT(m) (m)
#define INT_MASK(i) (i)
#define MAND(a, b) IAND(a, b)
#define MOR(a, b) IOR(a, b)
#define MXOR(a, b) IXOR(a, b)
static JR_INLINE int ANY(vm m) {
  int any = 0;
  for (int l = 0; l < LANES; l++) any |= m.at[l] != 0;
  return any;
}
static JR_INLINE vi lookup(const cell_bits *table, vi at) {
  for (int l = 0; l < LANES; l++) at.at[l] = (cell_int)table[at.at[l]];
  return at;
}
/* Equal operands differ in their zero's sign at most: | gives the lower, & the higher; | of a NaN is one. */
static JR_INLINE vf MIN(vf a, vf b) {
  return SEL(LT(a, b), a, SEL(LT(b, a), b, FLOATS(IOR(BITS(a), BITS(b)))));
}
static JR_INLINE vf MAX(vf a, vf b) {
  const vf either = SEL(EQ(a, b), FLOATS(IAND(BITS(a), BITS(b))), FLOATS(IOR(BITS(a), BITS(b))));
  return SEL(LT(b, a), a, SEL(LT(a, b), b, either));
}
`;
}

type Operation = readonly [name: string, result: "vf" | "vi" | "vm", params: readonly string[], lane: string];

const floats = ["vf a", "vf b"];
const ints = ["vi a", "vi b"];
const shift = ["vi a", "int n"];
const compared = (op: string): string => `a.at[l] ${op} b.at[l] ? -1 : 0`;
const wrapped = (op: string): string => `(cell_int)((cell_bits)a.at[l] ${op} (cell_bits)b.at[l])`;

const ops: readonly Operation[] = [
  ["SET", "vf", ["cell x"], "x"],
  ["set_int", "vi", ["cell_int x"], "x"],
  ["ADD", "vf", floats, "a.at[l] + b.at[l]"],
  ["SUB", "vf", floats, "a.at[l] - b.at[l]"],
  ["MUL", "vf", floats, "a.at[l] * b.at[l]"],
  ["DIV", "vf", floats, "a.at[l] / b.at[l]"],
  ["FMA", "vf", ["vf a", "vf b", "vf c"], "a.at[l] * b.at[l] + c.at[l]"],
  ["FNMA", "vf", ["vf a", "vf b", "vf c"], "c.at[l] - a.at[l] * b.at[l]"],
  ["IAND", "vi", ints, "a.at[l] & b.at[l]"],
  ["IOR", "vi", ints, "a.at[l] | b.at[l]"],
  ["IXOR", "vi", ints, "a.at[l] ^ b.at[l]"],
  ["IADD", "vi", ints, wrapped("+")],
  ["ISUB", "vi", ints, wrapped("-")],
  ["IMUL", "vi", ints, wrapped("*")],
  ["SHL", "vi", shift, "(cell_int)((cell_bits)a.at[l] << n)"],
  ["SHR", "vi", shift, "(cell_int)((cell_bits)a.at[l] >> n)"],
  ["SAR", "vi", shift, "a.at[l] < 0 ? ~(~a.at[l] >> n) : a.at[l] >> n"],
  ["LT", "vm", floats, compared("<")],
  ["LE", "vm", floats, compared("<=")],
  ["EQ", "vm", floats, compared("==")],
  ["NE", "vm", floats, compared("!=")],
  ["ILT", "vm", ints, compared("<")],
  ["ILE", "vm", ints, compared("<=")],
  ["IEQ", "vm", ints, compared("==")],
  ["SEL", "vf", ["vm m", "vf a", "vf b"], "m.at[l] ? a.at[l] : b.at[l]"],
  ["MSEL", "vm", ["vm m", "vm a", "vm b"], "m.at[l] ? a.at[l] : b.at[l]"],
  ["LOW", "vf", floats, "a.at[l] < b.at[l] ? a.at[l] : b.at[l]"],
  ["HIGH", "vf", floats, "a.at[l] > b.at[l] ? a.at[l] : b.at[l]"],
  ["TOFLOAT", "vf", ["vi a"], "(cell)a.at[l]"],
  [
    "TOINT",
    "vi",
    ["vf a"],
    "a.at[l] != a.at[l] ? 0 : a.at[l] >= 2147483648.0f ? INT32_MAX : a.at[l] < -2147483648.0f ? INT32_MIN : (cell_int)a.at[l]",
  ],
];

const unary = [
  ["ABS", "fabs"],
  ["SQRT", "sqrt"],
  ["NEAREST", "rint"],
] as const;

function operation([name, result, params, lane]: Operation): string {
  return `static JR_INLINE ${result} ${name}(${params.join(", ")}) {
  ${result} r;
  for (int l = 0; l < LANES; l++) r.at[l] = ${lane};
  return r;
}`;
}
