/**
 * Shape rules of the ops whose result shape takes more than a look.
 *
 * In: operands' shapes and an op's attributes. Out: the result's shape, or a complaint in words (a string),
 * which the builder turns into an error that names the place.
 */

import { at, sameShape, showShape } from "./shape.ts";
import type { Node, Program, Shape } from "./types.ts";

/** A result shape, or what is wrong. */
export type Inferred = Shape | string;

/** Axis and step counts of a slice, one entry per axis. */
export interface SliceSpec {
  readonly starts: readonly number[];
  readonly steps: readonly number[];
  readonly shape: Shape;
}

/** Part of one axis: `count` entries from `start` on, every `step`-th (by default each). */
export interface PartSpec {
  readonly axis: number;
  readonly start: number;
  readonly count: number;
  readonly step?: number;
}

/** The axis labels of a two-operand einsum. */
export interface ContractLabels {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly out: readonly number[];
}

/** What a scan reads: first carries, values with one entry per step (axis 0), values equal in every step. */
export interface ScanOperands {
  readonly carries: readonly Node[];
  readonly perStep: readonly Node[];
  readonly captured: readonly Node[];
}

/** Do start, step and count of every axis of `part` stay inside `whole`? */
export function liesInside(whole: Shape, part: Shape, { starts, steps }: SliceSpec): boolean {
  if ([part, starts, steps].some((list) => list.length !== whole.length)) return false;
  return whole.every((size, axis) => {
    const [start, step, count] = [at(starts, axis), at(steps, axis), at(part, axis)];
    const last = start + (count - 1) * step;
    return count === 0 || (step !== 0 && start >= 0 && start < size && last >= 0 && last < size);
  });
}

/** Shapes joined along `axis`. */
export function concatShape(parts: readonly Node[], axis: number): Inferred {
  const first = parts[0];
  if (first === undefined) return "concat needs at least one part";
  const fits = parts.every(
    ({ cell, shape }) =>
      cell === first.cell &&
      shape.length === first.shape.length &&
      shape.every((size, index) => index === axis || size === first.shape[index]),
  );
  if (!fits || !isAxis(axis, first.shape)) {
    return `cannot concat ${parts.map((part) => showShape(part.shape)).join(", ")} along axis ${axis}`;
  }
  const total = parts.reduce((sum, part) => sum + at(part.shape, axis), 0);
  return first.shape.with(axis, total);
}

/** `axis` replaced by the indices' axes. */
export function gatherShape(a: Node, indices: Node, axis: number): Inferred {
  if (indices.cell !== "int" || !isAxis(axis, a.shape)) {
    return `gather takes int indices and an axis of ${showShape(a.shape)}`;
  }
  return [...a.shape.slice(0, axis), ...indices.shape, ...a.shape.slice(axis + 1)];
}

/** The indices' axes, from `axis` on, replaced by one of the given size. */
export function scatterAddShape(
  a: Node,
  indices: Node,
  { axis, size }: { axis: number; size: number },
): Inferred {
  const after = axis + indices.shape.length;
  const fits = axis >= 0 && sameShape(a.shape.slice(axis, after), indices.shape);
  if (indices.cell !== "int" || a.cell === "bool" || !fits)
    return "scatterAdd's indices must fit the updates";
  return [...a.shape.slice(0, axis), size, ...a.shape.slice(after)];
}

/** Sizes of the out labels. */
export function contractShape(a: Node, b: Node, labels: ContractLabels): Inferred {
  const sizes = new Map<number, number>();
  for (const [{ cell, shape }, own] of [
    [a, labels.a],
    [b, labels.b],
  ] as const) {
    if (cell !== "float") return `contract takes floats, not ${cell}`;
    if (own.length !== shape.length || !distinct(own))
      return `contract labels [${own}] do not fit ${showShape(shape)}`;
    const clash = own.findIndex((label, axis) => (sizes.get(label) ?? shape[axis]) !== shape[axis]);
    if (clash >= 0) {
      const [one, other] = [sizes.get(at(own, clash)), shape[clash]];
      return `contract of ${showShape(a.shape)} and ${showShape(b.shape)}: sizes ${one} and ${other} meet`;
    }
    own.forEach((label, axis) => sizes.set(label, at(shape, axis)));
  }
  const known = labels.out.every((label) => sizes.has(label)) && distinct(labels.out);
  return known
    ? labels.out.map((label) => sizes.get(label) as number)
    : "contract's out labels must occur in an operand, once";
}

/** `axis` becomes (count, size). */
export function windowShape(
  shape: Shape,
  spec: { axis: number; size: number; stride: number; dilation: number },
): Inferred {
  const { axis, size, stride, dilation } = spec;
  const count = Math.floor(((shape[axis] ?? 0) - (size - 1) * dilation - 1) / stride) + 1;
  if (!(count > 0 && size > 0 && stride > 0 && dilation > 0)) {
    return `a window of ${size} (dilation ${dilation}) does not fit axis ${axis} of ${showShape(shape)}`;
  }
  return [...shape.slice(0, axis), count, size, ...shape.slice(axis + 1)];
}

/** Axes (axis, axis + 1) become one of `length`. */
export function unwindowShape(
  shape: Shape,
  spec: { axis: number; length: number; stride: number; dilation: number },
): Inferred {
  const { axis, length, stride, dilation } = spec;
  const reach = (at(shape, axis) - 1) * stride + (at(shape, axis + 1) - 1) * dilation + 1;
  if (!(axis >= 0 && reach <= length)) return `unwindow of ${showShape(shape)} leaves ${length} cells`;
  return [...shape.slice(0, axis), length, ...shape.slice(axis + 2)];
}

/** A scan has no shape of its own; its operands must fit the body. */
export function scanShape(
  body: Program,
  steps: number,
  { carries, perStep, captured }: ScanOperands,
): Inferred {
  const stepped = perStep.map(({ cell, shape }) => ({ cell, shape: shape.slice(1) }));
  const given = [...carries, ...stepped, ...captured];
  if (!allAlike(body.inputs, given))
    return `scan's body takes ${showNodes(body.inputs)}, got ${showNodes(given)}`;
  if (perStep.some((node) => node.shape[0] !== steps))
    return `scan's per-step inputs ${showNodes(perStep)} do not have ${steps} steps`;
  const next = body.outputs.slice(0, carries.length).map((output) => output.value);
  return allAlike(carries, next) ? [] : "scan's body must return its carries first, with their shapes";
}

type Typed = Pick<Node, "cell" | "shape">;

/** Equal cells and shapes, one by one. */
export function allAlike(a: readonly Typed[], b: readonly Typed[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ cell, shape }, index) => cell === b[index]?.cell && sameShape(shape, at(b, index).shape))
  );
}

/** `float(3,), int()`: what a list of values looks like, for messages. */
export function showNodes(nodes: readonly Typed[]): string {
  return nodes.map(({ cell, shape }) => `${cell}${showShape(shape)}`).join(", ");
}

function isAxis(axis: number, shape: Shape): boolean {
  return axis >= 0 && axis < shape.length;
}

function distinct(items: readonly number[]): boolean {
  return new Set(items).size === items.length;
}
