/** Branches that are decided while importing. */

import { at } from "../../ir/shape.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";

/** The branch that a known condition picks; a condition on the data would give rows different programs. */
const ifOperator: Operator = row(1, (call) => {
  const condition = at(call.numbers(0, "condition"), 0) !== 0;
  const graph = call.graph(condition ? "then_branch" : "else_branch") ?? call.malformed("it lacks a branch.");
  return call.subgraph(graph);
});

export const control: OperatorTable = { If: ifOperator };
