/**
 * Values and Jacobians as source for people who embed: the program to write, and what its arrays are called.
 *
 * In: the program of the values and what to differentiate. Out: the program of values and Jacobians, prepared, with C
 * names. Always: shared inputs follow the row inputs; what they determine is computed once per call.
 */

import { type JacobianRequest, jacobianProgram } from "../autodiff/index.ts";
import type { AfterRows } from "../codegen/after-rows.ts";
import type { EmbeddedPort } from "../codegen/c/embed.ts";
import { embeddedC } from "../codegen/c/embed.ts";
import { functionNames } from "../codegen/c/scalar.ts";
import { helpers } from "../codegen/js/functions.ts";
import { embeddedJs } from "../codegen/js/module.ts";
import type { Layout } from "../codegen/layout.ts";
import { type EmbeddedModule, embeddedWasm } from "../codegen/wasm/embed.ts";
import { wasmKernel } from "../codegen/wasm/kernel.ts";
import { invariant, UsageError } from "../errors.ts";
import { Builder } from "../ir/builder.ts";
import { inline } from "../ir/graph.ts";
import { at, showShape, sizeOf } from "../ir/shape.ts";
import type { InputNode, Node, Output, Program } from "../ir/types.ts";
import { lower } from "../lower/index.ts";
import type { Lowered } from "../lower/loops.ts";
import { prepared } from "../runtime/prepare.ts";
import { boundImage, boundValues } from "../runtime/wasm/bind.ts";
import { memoryPlan } from "../runtime/wasm/instance.ts";
import { blank, sharedPart } from "./source-shared.ts";
import { afterPart, joinedTotals } from "./source-totals.ts";

/** How to write a function and its Jacobian. */
export interface SourceOptions {
  readonly request: Omit<JacobianRequest, "value" | "format">;
  readonly dtype: "f32" | "f64";
  /** Order of a row's Jacobian: by output (C, NumPy), or by input (Fortran, CasADi's dense). */
  readonly layout: "row" | "col";
  /** The function's name. */
  readonly name: string;
  /** C: bytes of a vector; 16, which every machine has, by default. */
  readonly vectorBytes?: 16 | 32 | 64;
}

/** Bytes of vectors by their bits, as people name them. */
export const vectorBytes = { 128: 16, 256: 32, 512: 64 } as const;

/** What is written, before it is printed in some language. */
export interface Embeddable {
  readonly name: string;
  readonly lowered: Lowered;
  /** Row inputs. */
  readonly inputs: readonly EmbeddedPort[];
  readonly outputs: readonly EmbeddedPort[];
  readonly shared: readonly EmbeddedPort[];
  readonly sharedInputs: readonly InputNode[];
  /** Sums over rows and what follows them, and the program of that. */
  readonly totals: readonly EmbeddedPort[];
  readonly afterwards: Lowered | undefined;
  readonly about: readonly string[];
}

/** C99 sources: NAME.h, NAME.c, an example and a CMake file. */
export function sourceC(program: Program, options: SourceOptions): Map<string, string> {
  const embeddable = embeddableOf(program, options);
  const { lowered, sharedInputs: shared } = embeddable;
  const { dtype } = options;
  return embeddedC(lowered, {
    ...embeddable,
    after: afterOf(embeddable),
    vectorBytes: options.vectorBytes ?? 16,
    image: (program, { layout }) =>
      boundImage(program, { layout, end: layout.end, constants: new Uint8Array(0) }, blank(shared)),
    part: ({ layout }) => sharedPart(lowered, { shared, dtype, layout }),
  });
}

/** One ES module of plain JavaScript, and its types. */
export function sourceJs(program: Program, options: SourceOptions): Map<string, string> {
  const embeddable = embeddableOf(program, { ...options, dtype: "f64" });
  const { lowered, sharedInputs: shared } = embeddable;
  return embeddedJs(lowered, {
    ...embeddable,
    after: afterOf(embeddable),
    bound: (each) => boundValues(each, blank(shared)),
    part: sharedPart(lowered, { shared, dtype: "f64" }),
  });
}

function afterOf({ afterwards }: Embeddable): AfterRows | undefined {
  return afterwards && { lowered: afterwards, bound: boundValues(afterwards, new Map()) };
}

/** Rows that an embedded module's memory holds at a time. */
const EMBEDDED_ROWS = 1024;
const EMBEDDED_BYTES = 4 * 1024 * 1024;

/** A WebAssembly module (128-bit SIMD, no fused multiply-add: it runs everywhere) and its glue. */
export function sourceWasm(program: Program, options: SourceOptions): Map<string, string | Uint8Array> {
  const embeddable = embeddableOf(program, options);
  const { lowered, sharedInputs: shared } = embeddable;
  const { layout, ...main } = wasmModule(lowered, { most: EMBEDDED_ROWS, shared });
  const part = sharedPart(lowered, { shared, dtype: "f64", layout });
  const first = part && { ...part, ...wasmModule(part.lowered, { most: 1, shared: [] }) };
  const { afterwards } = embeddable;
  const after = afterwards && { lowered: afterwards, ...wasmModule(afterwards, { most: 1, shared: [] }) };
  return embeddedWasm(lowered, { ...embeddable, ...main, part: first, after });
}

function wasmModule(
  lowered: Lowered,
  { most, shared }: { most: number; shared: readonly InputNode[] },
): EmbeddedModule & { layout: Layout } {
  const code = wasmKernel(lowered, { fused: false, shared: false, mostRows: most, byCells: false });
  const { layout } = code;
  const rowCells = [...lowered.inputs, ...lowered.outputs].reduce((sum, { buffer }) => sum + buffer.cells, 0);
  const fitting = Math.floor(EMBEDDED_BYTES / (rowCells * layout.bytes * layout.tileRows));
  const rows = Math.min(most, Math.max(1, fitting) * layout.tileRows);
  const plan = memoryPlan(lowered, code, { rows, threads: 1, slots: 1 });
  const [area] = plan.areas;
  const [slot] = area?.slots ?? [];
  invariant(area !== undefined && slot !== undefined, "a memory plan without a place for rows");
  return {
    layout,
    module: code.bytes,
    image: boundImage(lowered, code, blank(shared)),
    memory: { pages: plan.pages, rows, scratch: area.scratch, ...slot },
  };
}

/** Plans, prepares and lowers what is to be written. */
export function embeddableOf(program: Program, options: SourceOptions): Embeddable {
  const { request, dtype, layout } = options;
  if (program.inputs.every(({ level }) => level !== "row")) {
    throw new UsageError(
      "JR537",
      `every input of ${program.name} is shared, so all rows are the same: make one a row input`,
    );
  }
  const chosen = (request.outputs ?? program.outputs.map((_, index) => index)).map((index) =>
    at(program.outputs, index),
  );
  const values = chosen.filter(({ value }) => value.level !== "finish");
  const sums = chosen.filter(({ value }) => value.level === "finish");
  const wrt = request.wrt.map((index) => at(program.inputs, index));
  const { outputs: _, ...rest } = request;
  const planned = jacobianProgram({ ...program, outputs: values }, { ...rest, value: true });
  const pairs = values.flatMap((output) => wrt.map((input) => ({ output, input })));
  const turned = layout === "col" ? byColumns(planned, pairs) : planned;
  const ready = prepared(sums.length > 0 ? joinedTotals(turned, { ...program, outputs: sums }) : turned);
  const taken = new Set<string>([options.name]);
  const portsOf = (isRow: boolean, what: string): EmbeddedPort[] =>
    program.inputs
      .filter(({ level }) => (level === "row") === isRow)
      .map(({ name, shape }) => ({
        name: identifier(name, taken),
        meaning: `${what}${sized(shape)}`,
        cells: sizeOf(shape),
      }));
  const valueOf =
    (what: string) =>
    ({ name, value }: Output): EmbeddedPort => ({
      name: identifier(chosen.length === 1 ? "y" : name, taken),
      meaning: `${what}${sized(value.shape)}`,
      cells: sizeOf(value.shape),
    });
  const inputs = portsOf(true, "n rows of ");
  const shared = portsOf(false, "the same for all rows, ");
  const sharedInputs = ready.inputs.filter(({ level }) => level !== "row");
  const outputs = [
    ...values.map(valueOf("values, n rows of ")),
    ...pairs.map(({ output, input }) => ({
      name: identifier(pairs.length === 1 ? "jac" : `jac_${output.name}_${input.name}`, taken),
      meaning: jacobianMeaning(output, input, layout),
      cells: sizeOf(output.value.shape) * sizeOf(input.shape),
    })),
  ];
  const totals = sums.map(valueOf("of all rows, "));
  const what = pairs.length > 0 ? "values and Jacobians" : values.length > 0 ? "values" : "sums over rows";
  const about = [`${options.name}: ${what} of ${program.name}, for n rows at once.`];
  const lowered = lower(ready, { dtype });
  const afterwards = afterPart(ready, lowered);
  return { name: options.name, lowered, inputs, outputs, shared, sharedInputs, totals, afterwards, about };
}

/** Transposes every Jacobian: axes of the input come first. */
function byColumns(
  planned: Program,
  pairs: readonly { readonly output: Program["outputs"][number]; readonly input: InputNode }[],
): Program {
  const b = new Builder();
  const inputs = planned.inputs.map(({ name, shape, cell, level }) =>
    b.input(name, shape, { cell, level: level === "row" ? "row" : "bound" }),
  );
  const all = inline(b, planned, inputs);
  const first = all.length - pairs.length;
  const turned = all.map((value, index): Node => {
    const pair = pairs[index - first];
    if (pair === undefined) return value;
    const outer = pair.output.value.shape.length;
    const axes = value.shape.map((_, axis) => axis);
    return b.transpose(value, [...axes.slice(outer), ...axes.slice(0, outer)]);
  });
  const outputs = turned.map((value, index) => ({ name: at(planned.outputs, index).name, value }));
  return { ...planned, inputs, outputs };
}

function jacobianMeaning(
  output: Program["outputs"][number],
  input: InputNode,
  layout: "row" | "col",
): string {
  const [rows, columns] = [sizeOf(output.value.shape), sizeOf(input.shape)];
  const index =
    layout === "row" ? `[(i * ${rows} + j) * ${columns} + k]` : `[(i * ${columns} + k) * ${rows} + j]`;
  const order = layout === "row" ? "row-major" : "column-major";
  return `n ${order} matrices ${rows} x ${columns}: d ${output.name}[j] / d ${input.name}[k] of row i is at ${index}`;
}

function sized(shape: readonly number[]): string {
  const cells = sizeOf(shape);
  return shape.length > 1 ? `${cells} (${showShape(shape)}, last index fastest)` : `${cells}`;
}

/** Words of C, C++ and JavaScript, and names that generated functions use inside. */
const RESERVED = new Set([
  ...Object.keys(helpers),
  ...functionNames,
  ...`auto break case catch char class const continue debugger default delete do double else enum export extern false
   finally float for function goto if import in inline instanceof int let long new null register restrict return short
   signed sizeof static struct super switch template this throw true try typedef typeof union unsigned var void volatile
   while with yield cell data i ix lanes m main n now rows s scratch vf vi vm EOF LANES NULL ROWS VECTOR_BYTES add_lanes
   after after_rows any_lane bound c cell_bits cell_int clear_lanes convert_in convert_out four fused held lookup
   max_float memcpy memset min_float mirror narrow_out printf quad quads_in quads_out row rows_in rows_out scatter
   set_int shared size_t splat_float splat_int spread squares strip_in strip_out sums to_int totals transpose vf_any vu
   wide_out work ABS ADD ANY BITS CEIL DIV EQ EXPONENT FIRST FLOATS FLOOR FMA FNMA HALF HIGH IADD IAND IEQ ILE ILT IMUL
   INFINITY INT_MASK IOR ISUB IXOR LE LEAST_PART LOAD LOADU LOAD_INT LOAD_PART LOW LT MAND MANTISSA MASK_INT MAX MIN MOR
   MSEL MUL MXOR NAN NE NEAREST NEG PART PERMUTE16 ROUND SAR SCALE SEL SET SETI SHL SHR SHUFFLE SPLAT SQRT STORE STOREU
   STORE_PART SUB TOFLOAT TOINT TRUNC UNLIKELY Math Float64Array RangeError`.split(/\s+/),
]);
/** What generated code calls loop counters, sums, temporaries, constants and functions. */
const GENERATED = /^(?:[aitvwz]\d+|(?:each|lanes|one|shared)_\w+|(?:rare|stage)\d+|JR_\w+)$/;

/** A name that C, C++ and JavaScript accept and that nobody has yet. */
export function identifier(name: string, taken: Set<string>): string {
  let own = name.replace(/\W+/g, "_").replace(/^(?=\d|$)/, "_");
  while (taken.has(own) || RESERVED.has(own) || GENERATED.test(own)) own += "_";
  taken.add(own);
  return own;
}
