/**
 * Constant 0/1 matrices that only pick or place cells, as local derivatives of windows and gathers are: lowering turns contractions
 * with one into movements (see `lower/selections.ts`), so plans must not price them as products.
 */

import { isSelection } from "../ir/identities.ts";
import { sizeOf } from "../ir/shape.ts";
import type { ContractNode } from "../ir/types.ts";

/** The additions of a contraction that only moves cells: none where they are picked, one each where they are placed; else undefined. */
export function movedCells({ a, b, aLabels, bLabels, outLabels }: ContractNode): number | undefined {
  const isOut = (label: number): boolean => outLabels.includes(label);
  for (const [matrix, own, moved, others] of [
    [a, aLabels, b, bLabels],
    [b, bLabels, a, aLabels],
  ] as const) {
    const known = own.every((label) => isOut(label) || others.includes(label));
    const rest = others.filter((label) => !own.includes(label));
    if (!known || !rest.every(isOut) || own.every(isOut) || !isSelection(matrix)) continue;
    const cells = (labels: readonly number[]): number =>
      sizeOf(labels.map((label) => matrix.shape[own.indexOf(label)] as number));
    const [from, to] = [cells(own.filter((label) => !isOut(label))), cells(own.filter(isOut))];
    if (to > 1 || from > 1) return to >= from ? 0 : sizeOf(moved.shape);
  }
  return undefined;
}
