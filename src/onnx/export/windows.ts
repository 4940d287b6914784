/**
 * Windows and their transposes, recognised in a program through the movements around them.
 *
 * In: a node. Out: what lies under its windows, or under sums of overlapping windows, and where each of the node's axes
 * comes from. Always: only axes of one cell are lost or made on the way, so cells correspond one to one.
 */

import { at, range } from "../../ir/shape.ts";
import type { ContractNode, Node, ReshapeNode } from "../../ir/types.ts";

/** Places `stride` apart, cells `dilation` apart. */
export interface Spacing {
  readonly stride: number;
  readonly dilation: number;
}

/** The part that an axis of a node plays in the node under its windows; −1 for an axis of one cell that is not there. */
interface Role {
  readonly axis: number;
  readonly part: "whole" | "place" | "cell";
}

/** A node as windows of another. */
export interface Windowed {
  readonly base: Node;
  /** One for each axis of the node. */
  readonly roles: readonly Role[];
  /** By axis of the base. */
  readonly windows: ReadonlyMap<number, Spacing & { readonly count: number; readonly size: number }>;
}

/** What a node is windows of; no windows if it is something else. */
export function windowedBase(node: Node): Windowed {
  let found: Windowed = {
    base: node,
    roles: node.shape.map((_, axis) => ({ axis, part: "whole" })),
    windows: new Map(),
  };
  for (let next: Windowed | undefined = found; next !== undefined; next = below(found)) found = next;
  return found;
}

/** One node further down, if it is a window or moves axes as wholes. */
function below({ base, roles, windows }: Windowed): Windowed | undefined {
  if (base.op === "window") return underWindow({ base, roles, windows });
  const move = movedAxis(base);
  if (move === undefined) return undefined;
  const keys = [...windows].map(([axis, spacing]) => [move(axis), spacing] as const);
  if (keys.some(([axis]) => axis < 0)) return undefined;
  return {
    base: (base as ReshapeNode).a,
    roles: roles.map(({ axis, part }) => ({ axis: axis < 0 ? axis : move(axis), part })),
    windows: new Map(keys),
  };
}

function underWindow({ base, roles, windows }: Windowed): Windowed | undefined {
  if (base.op !== "window") return undefined;
  const { axis: own, size, stride, dilation, shape } = base;
  if (windows.has(own) || windows.has(own + 1)) return undefined;
  const down = (axis: number): number => (axis > own ? axis - 1 : axis);
  const keys = [...windows].map(([axis, spacing]) => [down(axis), spacing] as const);
  return {
    base: base.a,
    roles: roles.map(({ axis, part }) => {
      if (axis === own) return { axis, part: "place" };
      return { axis: down(axis), part: axis === own + 1 ? "cell" : part };
    }),
    windows: new Map([...keys, [own, { count: at(shape, own), size, stride, dilation }]]),
  };
}

/** Where an axis of a node lies in its operand (−1: nowhere, it has one cell), if the node only orders axes. */
export function movedAxis(node: Node): ((axis: number) => number) | undefined {
  if (node.op === "transpose") return (axis) => at(node.order, axis);
  if (node.op !== "reshape") return undefined;
  const open = (shape: readonly number[]): number[] => range(shape.length).filter((k) => at(shape, k) !== 1);
  const [outer, inner] = [open(node.shape), open(node.a.shape)];
  const same =
    outer.length === inner.length &&
    outer.every((axis, k) => node.shape[axis] === node.a.shape[at(inner, k)]);
  return same ? (axis) => inner[outer.indexOf(axis)] ?? -1 : undefined;
}

/** An axis made by adding up windows: cell k of place i falls on i · stride + k · dilation + offset. */
export interface Overlap extends Spacing {
  readonly place: number;
  readonly cell: number;
  readonly offset: number;
  readonly length: number;
}

/** Where an axis of a node comes from in the contraction under it. */
export type Slot = number | Overlap;

/** A node as overlapping windows of a contraction, added up. */
export interface Overlapped {
  readonly core: ContractNode;
  /** One for each axis of the node. */
  readonly slots: readonly Slot[];
}

/** The matrix of zeros and ones that adds windows up, as seen by the exporter; undefined if a node is another one. */
export type OverlapMatrix = (node: Node) => (Spacing & { readonly offset: number }) | undefined;

/** The contraction whose windows a node adds up. */
export function overlappedCore(node: Node, matrix: OverlapMatrix): Overlapped | undefined {
  let current = node;
  let slots: readonly Slot[] = range(node.shape.length);
  for (;;) {
    const step = stepDown(current, matrix);
    if (step === undefined) break;
    const next = slots.map((slot) => lowered(slot, step.slot));
    if (next.includes(undefined)) break;
    slots = next as Slot[];
    current = step.a;
  }
  const found = current.op === "contract" && slots.some((slot) => typeof slot !== "number");
  return found ? { core: current as ContractNode, slots } : undefined;
}

/** A slot seen one node further down; undefined where windows would be of windows. */
function lowered(slot: Slot, step: (axis: number) => Slot): Slot | undefined {
  if (typeof slot === "number") return slot < 0 ? slot : step(slot);
  const [place, cell] = [slot.place, slot.cell].map((axis) => (axis < 0 ? axis : step(axis)));
  return typeof place === "number" && typeof cell === "number" ? { ...slot, place, cell } : undefined;
}

/** A node's operand, and where each of the node's axes lies in it. */
export interface Step {
  readonly a: Node;
  readonly slot: (axis: number) => Slot;
}

function stepDown(node: Node, matrix: OverlapMatrix): Step | undefined {
  if (node.op === "contract") return underMatrix(node, matrix);
  if (node.op === "unwindow") {
    const { a, axis: own, stride, dilation, shape } = node;
    const overlap = { place: own, cell: own + 1, stride, dilation, offset: 0, length: at(shape, own) };
    return { a, slot: (axis) => (axis === own ? overlap : axis > own ? axis + 1 : axis) };
  }
  const move = movedAxis(node);
  return move === undefined ? undefined : { a: (node as ReshapeNode).a, slot: move };
}

/** Σ over places and cells of x[…, i, k] E[i, k, p]. */
export function underMatrix(node: ContractNode, matrix: OverlapMatrix): Step | undefined {
  const sides = [
    { x: node.a, labels: node.aLabels, e: node.b, own: node.bLabels },
    { x: node.b, labels: node.bLabels, e: node.a, own: node.aLabels },
  ];
  for (const { x, labels, e, own } of sides) {
    const [place, cell, made] = own;
    const fits =
      own.length === 3 &&
      [place, cell].every(
        (label) => labels.includes(label as number) && !node.outLabels.includes(label as number),
      ) &&
      node.outLabels.every((label) => label === made || labels.includes(label)) &&
      !labels.includes(made as number);
    const spacing = fits ? matrix(e) : undefined;
    if (spacing === undefined) continue;
    const overlap = {
      ...spacing,
      place: labels.indexOf(place as number),
      cell: labels.indexOf(cell as number),
      length: at(e.shape, 2),
    };
    return {
      a: x,
      slot: (axis) => {
        const label = at(node.outLabels, axis);
        return label === made ? overlap : labels.indexOf(label);
      },
    };
  }
  return undefined;
}

/** Stride, dilation and offset of a matrix (places, cells, length) whose ones stand at i · stride + k · dilation + offset. */
export function overlapSpacing(
  values: ArrayLike<number>,
  [count, size, length]: readonly [number, number, number],
): (Spacing & { readonly offset: number }) | undefined {
  const ones = new Map<number, number>();
  for (let cell = 0; cell < count * size * length; cell++) {
    if (values[cell] === 0) continue;
    const key = Math.floor(cell / length);
    if (values[cell] !== 1 || ones.has(key)) return undefined;
    ones.set(key, cell % length);
  }
  const gap = (step: number, legal: (key: number) => boolean): number => {
    const key = [...ones.keys()].find((one) => legal(one) && ones.has(one + step));
    return key === undefined ? 1 : (ones.get(key + step) as number) - (ones.get(key) as number);
  };
  const stride = gap(size, () => true);
  const dilation = gap(1, (key) => key % size < size - 1);
  const [first] = ones;
  if (first === undefined || stride < 1 || dilation < 1) return undefined;
  const reach = (key: number): number => Math.floor(key / size) * stride + (key % size) * dilation;
  const offset = first[1] - reach(first[0]);
  const fits = range(count * size).every((key) => {
    const place = reach(key) + offset;
    return ones.get(key) === (place >= 0 && place < length ? place : undefined);
  });
  return fits ? { stride, dilation, offset } : undefined;
}
