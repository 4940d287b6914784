/**
 * Values and Jacobians as source for people who embed: the program to write, and what its arrays are called.
 *
 * In: the program of the values and what to differentiate. Out: the program of values and Jacobians, prepared, with C
 * names. Always: shared inputs follow the row inputs; what they determine is computed once per call.
 */

import { type JacobianRequest, jacobianProgram } from "../autodiff/index.ts";
import type { EmbeddedPort } from "../codegen/c/embed.ts";
import { embeddedC } from "../codegen/c/embed.ts";
import { helpers } from "../codegen/js/functions.ts";
import { embeddedJs } from "../codegen/js/module.ts";
import type { Layout } from "../codegen/layout.ts";
import { type EmbeddedModule, embeddedWasm } from "../codegen/wasm/embed.ts";
import { wasmKernel } from "../codegen/wasm/kernel.ts";
import { invariant, UnsupportedError, UsageError } from "../errors.ts";
import { Builder } from "../ir/builder.ts";
import { inline } from "../ir/graph.ts";
import { at, showShape, sizeOf } from "../ir/shape.ts";
import type { InputNode, Node, Program } from "../ir/types.ts";
import { lower } from "../lower/index.ts";
import type { Lowered } from "../lower/loops.ts";
import { prepared } from "../runtime/prepare.ts";
import { boundImage, boundValues } from "../runtime/wasm/bind.ts";
import { memoryPlan } from "../runtime/wasm/instance.ts";
import { blank, sharedPart } from "./source-shared.ts";

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

/** What is written, before it is printed in some language. */
export interface Embeddable {
  readonly name: string;
  readonly lowered: Lowered;
  /** Row inputs. */
  readonly inputs: readonly EmbeddedPort[];
  readonly outputs: readonly EmbeddedPort[];
  readonly shared: readonly EmbeddedPort[];
  readonly sharedInputs: readonly InputNode[];
  readonly about: readonly string[];
}

/** C99 sources: NAME.h, NAME.c, an example and a CMake file. */
export function sourceC(program: Program, options: SourceOptions): Map<string, string> {
  const embeddable = embeddableOf(program, options);
  const { lowered, sharedInputs: shared } = embeddable;
  const { dtype } = options;
  return embeddedC(lowered, {
    ...embeddable,
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
    bound: (each) => boundValues(each, blank(shared)),
    part: sharedPart(lowered, { shared, dtype: "f64" }),
  });
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
  return embeddedWasm(lowered, { ...embeddable, ...main, part: first });
}

function wasmModule(
  lowered: Lowered,
  { most, shared }: { most: number; shared: readonly InputNode[] },
): EmbeddedModule & { layout: Layout } {
  const code = wasmKernel(lowered, { fused: false, shared: false, mostRows: most });
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
  const chosen = request.outputs ?? program.outputs.map((_, index) => index);
  const values = chosen.map((index) => at(program.outputs, index));
  const wrt = request.wrt.map((index) => at(program.inputs, index));
  const planned = jacobianProgram(program, { ...request, value: true });
  const pairs = values.flatMap((output) => wrt.map((input) => ({ output, input })));
  const both = layout === "col" ? byColumns(planned, pairs) : planned;
  const ready = prepared(both);
  const taken = new Set<string>([options.name]);
  const portsOf = (isRow: boolean, what: string): EmbeddedPort[] =>
    program.inputs
      .filter(({ level }) => (level === "row") === isRow)
      .map(({ name, shape }) => ({
        name: identifier(name, taken),
        meaning: `${what}${sized(shape)}`,
        cells: sizeOf(shape),
      }));
  const inputs = portsOf(true, "n rows of ");
  const shared = portsOf(false, "the same for all rows, ");
  const sharedInputs = ready.inputs.filter(({ level }) => level !== "row");
  const outputs = [
    ...values.map(({ name, value }) => ({
      name: identifier(values.length === 1 ? "y" : name, taken),
      meaning: `values, n rows of ${sized(value.shape)}`,
      cells: sizeOf(value.shape),
    })),
    ...pairs.map(({ output, input }) => ({
      name: identifier(pairs.length === 1 ? "jac" : `jac_${output.name}_${input.name}`, taken),
      meaning: jacobianMeaning(output, input, layout),
      cells: sizeOf(output.value.shape) * sizeOf(input.shape),
    })),
  ];
  const about = [`${options.name}: values and Jacobians of ${program.name}, for n rows at once.`];
  const lowered = lower(ready, { dtype });
  if (lowered.sums.length > 0) {
    throw new UnsupportedError(
      "JR536",
      `${program.name} sums over rows, and exported functions give results of rows: export what is summed, and add it up where they are called`,
    );
  }
  return { name: options.name, lowered, inputs, outputs, shared, sharedInputs, about };
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
  ...`auto break case catch char class const continue debugger default delete do double else enum export extern false
   finally float for function goto if import in inline instanceof int let long new null register restrict return short
   signed sizeof static struct super switch template this throw true try typedef typeof union unsigned var void volatile
   while with yield cell data i ix lanes m main n now rows s scratch vf vi vm EOF LANES NULL ROWS VECTOR_BYTES
   bound shared work Math Float64Array RangeError`.split(/\s+/),
]);
/** What generated JavaScript calls loop counters, sums, temporaries and constants. */
const GENERATED = /^[aitvw]\d+$/;

/** A name that C, C++ and JavaScript accept and that nobody has yet. */
export function identifier(name: string, taken: Set<string>): string {
  let own = name.replace(/\W+/g, "_").replace(/^(?=\d|$)/, "_");
  while (taken.has(own) || RESERVED.has(own) || GENERATED.test(own)) own += "_";
  taken.add(own);
  return own;
}
