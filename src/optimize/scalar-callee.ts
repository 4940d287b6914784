/**
 * The scalar version of an elementwise callee: same name and attributes, so kernels and rules keep working.
 *
 * The body and the partials are elementwise too, so one cell of them is the whole of the scalar function.
 */

import { Builder } from "../ir/builder.ts";
import { nodesOf, programOf } from "../ir/graph.ts";
import { print } from "../ir/print.ts";
import { at, sizeOf } from "../ir/shape.ts";
import type { Callee, Program } from "../ir/types.ts";
import { ScalarCells } from "./scalarise.ts";

const known = new WeakMap<Callee, Callee | undefined>();
/** Scalar callees by what they are: equal ones are one object, so that the builder shares their calls. */
const scalars = new Map<string, Callee>();

/** The callee for one cell, or undefined if the callee is not elementwise. */
export function scalarCallee(callee: Callee): Callee | undefined {
  if (callee.rule?.kind !== "elementwise") return undefined;
  if (!known.has(callee)) known.set(callee, made(callee));
  return known.get(callee);
}

function made(callee: Callee): Callee | undefined {
  const { name, attributes, body, rule } = callee;
  const { value } = at(body.outputs, 0);
  const alike = body.inputs.every(({ shape }) => sizeOf(shape) === sizeOf(value.shape));
  if (rule?.kind !== "elementwise" || !alike || sizeOf(value.shape) === 0) return undefined;
  if (value.shape.length === 0) return callee;
  const [scalarBody, partials] = [oneCell(body), oneCell(rule.partials())];
  const key = JSON.stringify([name, attributes, print(scalarBody), print(partials)]);
  const scalar: Callee = scalars.get(key) ?? {
    name,
    attributes,
    body: scalarBody,
    rule: { kind: "elementwise", partials: () => partials },
  };
  scalars.set(key, Object.freeze(scalar));
  return scalar;
}

/** A program of scalars from an elementwise program: every cell of an input is the same scalar. */
function oneCell(program: Program): Program {
  const b = new Builder();
  const inputs = program.inputs.map(({ name, level, cell }) =>
    b.input(name, [], { cell, level: level === "bound" ? "bound" : "row" }),
  );
  const apart = new ScalarCells(b);
  program.inputs.forEach((input, index) => {
    apart.set(input, new Array(sizeOf(input.shape)).fill(at(inputs, index)));
  });
  const { cells } = apart.add(nodesOf(program));
  const outputs = program.outputs.map(({ name, value }) => ({ name, value: at(cells(value), 0) }));
  return programOf(program.name, inputs, outputs);
}
