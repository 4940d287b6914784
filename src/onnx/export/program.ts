/**
 * A row program as an ONNX model.
 *
 * In: a program, the width of its floats, the opset. Out: the bytes of a standard model whose row inputs and outputs have
 * a batch axis "n" in front. Always: only operators of the main domain; every output has the batch axis unless it sums over rows.
 */

import { expandJacobians } from "../../autodiff/index.ts";
import { UnsupportedError, UsageError } from "../../errors.ts";
import { nodesOf } from "../../ir/graph.ts";
import { at } from "../../ir/shape.ts";
import type { Node, Program } from "../../ir/types.ts";
import { dropStopGradients, inlineCalls, optimize, unrollScans } from "../../optimize/optimize.ts";
import { isOperator } from "./calls.ts";
import { Emitter } from "./emitter.ts";
import { emitNode } from "./rules.ts";
import { type FloatWidth, GraphWriter, type PortSpec } from "./writer.ts";

/** How to write a program. */
export interface WriteOptions {
  readonly dtype: FloatWidth;
  /** 17 by default, which every runtime of the last years reads. */
  readonly opset?: number;
  /** Names of the outputs in place of the program's own. */
  readonly outputNames?: readonly string[];
  /** The program computes derivatives too, whose parts are shared with the values'. */
  readonly derivatives?: boolean;
}

const DEFAULT_OPSET = 17;
const NEWEST_OPSET = 22;
/** Nodes that unrolled loops may come to. */
const UNROLL_LIMIT = 20_000;
/** The name of the batch axis. */
const BATCH = "n";

/** The bytes of the model. Throws for an opset that is not written, and for loops too long to unroll. */
export function programToOnnx(program: Program, options: WriteOptions): Uint8Array<ArrayBuffer> {
  const { dtype, opset = DEFAULT_OPSET, derivatives = false } = options;
  if (!Number.isInteger(opset) || opset < DEFAULT_OPSET || opset > NEWEST_OPSET) {
    throw new UsageError("JR540", `opset ${opset} is not written; take ${DEFAULT_OPSET} to ${NEWEST_OPSET}`);
  }
  const ready = readyToWrite(program, (name) => isOperator(name, { opset, width: dtype, derivatives }));
  const names = options.outputNames ?? ready.outputs.map(({ name }) => name);
  const taken = [...ready.inputs.map(({ name }) => name), ...names];
  const twice = taken.find((name, index) => taken.indexOf(name) !== index);
  if (twice !== undefined)
    throw new UsageError("JR541", `the model would have two inputs or outputs named "${twice}"; rename one`);
  const writer = new GraphWriter({ width: dtype, opset, taken });
  const emitter = new Emitter(writer, emitNode);
  for (const input of ready.inputs) emitter.input(input, input.name);
  for (const node of nodesOf(ready)) if (!isLazy(emitter, node)) emitter.of(node);
  const outputs = ready.outputs.map(({ value }, index): PortSpec => {
    const name = at(names, index);
    const emitted = value.level === "finish" ? emitter.of(value) : emitter.rowsOf(value);
    writer.output(name, emitted.name);
    return { name, cell: value.cell, sizes: emitted.rows ? [BATCH, ...value.shape] : value.shape };
  });
  const inputs = ready.inputs.map(
    ({ name, level, cell, shape }): PortSpec => ({
      name,
      cell,
      sizes: level === "row" ? [BATCH, ...shape] : shape,
    }),
  );
  return writer.finish(ready.name, { inputs, outputs });
}

/** Nodes that are written when somebody reads them. */
function isLazy(emitter: Emitter, node: Node): boolean {
  return node.op === "input" || node.op === "broadcast" || emitter.isKnown(node);
}

/** The program with only what the table writes. */
function readyToWrite(program: Program, keep: (name: string) => boolean): Program {
  const flat = dropStopGradients(inlineCalls(expandJacobians(program), keep));
  const unrolled = unrollScans(flat, UNROLL_LIMIT);
  const scan = nodesOf(unrolled).find((node) => node.op === "scan");
  if (scan !== undefined) {
    const place = scan.origin === undefined ? "" : ` (${scan.origin.name})`;
    throw new UnsupportedError(
      "JR542",
      `a scan${place} of more than ${UNROLL_LIMIT} steps × nodes: use fewer steps`,
    );
  }
  return optimize(unrolled);
}
