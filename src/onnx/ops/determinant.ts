/**
 * Det: the determinant of small matrices as the polynomial it is, right at singular matrices too.
 *
 * Minors of the last rows are built up a row at a time and shared: n 2ⁿ⁻¹ products for n rows.
 */

import type { Builder } from "../../ir/builder.ts";
import { at, range } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import { layout } from "../layout.ts";
import { full } from "../movement.ts";
import { type OperatorTable, row } from "./operator.ts";
import { requireNoBatch } from "./reductions.ts";

const LARGEST = 8;

/** Determinants by name. */
export const determinants: OperatorTable = {
  Det: row(11, (call) => {
    const x = call.input(0);
    const { b } = call;
    const outer = x.layout.sizes.slice(0, -2);
    const [rows, columns] = x.layout.sizes.slice(-2) as [number, number];
    requireNoBatch(call, x, { axes: [x.rank - 2, x.rank - 1], what: "taking determinants along" });
    if (rows !== columns) call.malformed("its matrices are not square.");
    if (rows > LARGEST) call.unsupported(`matrices of ${rows} rows; at most ${LARGEST} are computed.`);
    const node = full(b, x);
    const entry = (i: number, j: number): Node =>
      b.reshape(
        b.slice(node, {
          starts: [...outer.map(() => 0), i, j],
          steps: node.shape.map(() => 1),
          shape: [...outer, 1, 1],
        }),
        outer,
      );
    let minors = new Map<number, Node>([[0, b.constant(1, outer)]]);
    for (const i of range(rows).toReversed())
      minors = withRow(b, minors, { columns, entry: (j) => entry(i, j) });
    return call.value(at([...minors.values()], 0), layout(outer, x.layout.batch), x.dtype);
  }),
};

/** Minors with one more row on top: Σ ± entry · minor of the other columns. Keys are sets of columns as bits. */
function withRow(
  b: Builder,
  minors: ReadonlyMap<number, Node>,
  { columns, entry }: { columns: number; entry: (column: number) => Node },
): Map<number, Node> {
  const has = (set: number, column: number): boolean => ((set >> column) & 1) === 1;
  const next = new Map<number, Node>();
  for (const [set, minor] of minors) {
    for (const j of range(columns).filter((column) => !has(set, column))) {
      const before = range(j).filter((column) => has(set, column)).length;
      const product = b.mul(entry(j), minor);
      const term = before % 2 === 0 ? product : b.neg(product);
      const old = next.get(set | (1 << j));
      next.set(set | (1 << j), old === undefined ? term : b.add(old, term));
    }
  }
  return next;
}
