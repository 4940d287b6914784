/**
 * Sums over rows of embedded functions: the program that follows them.
 *
 * In: a program with sums over rows, prepared and lowered. Out: a program of one row in float64, whose inputs are the cells of all
 * sums, then shared inputs, and whose outputs are the results that are known after all rows.
 */

import { expandJacobians } from "../autodiff/index.ts";
import { Builder } from "../ir/builder.ts";
import { derived, inline, operandsOf, programOf, rebuild } from "../ir/graph.ts";
import { at, sizeOf } from "../ir/shape.ts";
import type { InputNode, Node, Output, Program } from "../ir/types.ts";
import { lower } from "../lower/index.ts";
import type { Lowered } from "../lower/loops.ts";
import { sumCells } from "../lower/sums.ts";
import { prepared } from "../runtime/prepare.ts";

/** One program of both programs' outputs: they have the same inputs. */
export function joinedTotals(rows: Program, totals: Program): Program {
  const b = new Builder();
  const inputs = rows.inputs.map((input) => rebuild(b, input, []) as InputNode);
  const outputs = [rows, expandJacobians(totals)].flatMap((program) =>
    inline(b, program, inputs).map((value, index) => ({ name: at(program.outputs, index).name, value })),
  );
  return programOf(rows.name, inputs, outputs);
}

/** What follows the sums; undefined where there are none. */
export function afterPart(program: Program, lowered: Lowered): Lowered | undefined {
  const wanted = program.outputs.filter(({ value }) => value.level === "finish");
  if (wanted.length === 0) return undefined;
  const b = new Builder();
  const cells = b.input("all sums", [sumCells(lowered.sums)]);
  const shared = program.inputs.filter(({ level }) => level !== "row");
  const inputs = shared.map(({ name, shape, cell }) => b.input(`shared ${name}`, shape, { cell }));
  const known = new Map<Node, Node>(shared.map((input, index) => [input, at(inputs, index)]));
  for (const { source, buffer } of lowered.sums) {
    const start = lowered.placement.get(buffer) as number;
    const part = b.part(cells, { axis: 0, start, count: sizeOf(source.shape) });
    known.set(source, b.reshape(part, source.shape));
  }
  const made = ({ name, value }: Output): Output => ({ name, value: copied(b, value, known) });
  const after = programOf(`after ${program.name}`, [cells, ...inputs], wanted.map(made));
  return lower(prepared(after), { dtype: "f64" });
}

/** The node with sums and shared inputs in the place of what they are known by. */
function copied(b: Builder, root: Node, known: Map<Node, Node>): Node {
  const make = (node: Node): Node =>
    rebuild(
      b,
      node,
      operandsOf(node).map((operand) => known.get(operand) as Node),
    );
  return derived(root, known, { needs: operandsOf, make });
}
