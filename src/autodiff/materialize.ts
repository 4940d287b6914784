/**
 * LinearMap → dense node of shape (…out, …in): the only place where structure becomes zeros.
 *
 * Embedded blocks are assembled by concatenation along cut points, diagonals by a select on equal indices.
 */

import type { Builder } from "../ir/builder.ts";
import { at, range } from "../ir/shape.ts";
import type { Node, Shape } from "../ir/types.ts";
import { guarded } from "./factors.ts";
import { type Axis, axisSize, coveredSize, expandTo, label, labelsOfAxes, restrict } from "./labels.ts";
import type { LinearMap, Term } from "./linear-map.ts";
import { mergeLabels, untieAll } from "./untie.ts";

/** The map as an array; `shapes` are those of output and input. */
export function denseNode(b: Builder, map: LinearMap, shapes: readonly [Shape, Shape]): Node {
  const shape = [...shapes[0], ...shapes[1]];
  return assemble(
    b,
    map.map((term) => flat(b, term, map.length > 1)),
    { shape, axis: 0 },
  );
}

/** A term whose axes (outputs, then inputs) are each one label or none, with the tie guards among its guards. */
interface Block {
  readonly term: Term;
  readonly axes: readonly Axis[];
}

/** Merged axes become one label where they are, or may be, cut. */
function flat(b: Builder, term: Term, several: boolean): Block {
  const untied = untieAll(b, term);
  const places = [
    ...range(term.out.length).map((index) => ({ side: "out" as const, index })),
    ...range(term.in.length).map((index) => ({ side: "in" as const, index })),
  ];
  const cut = places.filter(({ side, index }) => several || at(term[side], index).embed !== undefined);
  const merged = cut.reduce((each, place) => mergeLabels(b, each, place), untied);
  return { term: merged, axes: [...merged.out, ...merged.in] };
}

interface Region {
  readonly shape: Shape;
  /** Axes before this one are whole in every block. */
  readonly axis: number;
}

/** Sum of blocks over a region, cut along the first axis on which some block is embedded. */
function assemble(b: Builder, blocks: readonly Block[], region: Region): Node {
  const { shape } = region;
  if (blocks.length === 0) return b.constant(0, shape);
  let axis = region.axis;
  while (axis < shape.length && blocks.every((block) => at(block.axes, axis).embed === undefined)) axis++;
  if (axis === shape.length) return blocks.map((block) => blockNode(b, block)).reduce((x, y) => b.add(x, y));
  const strided = blocks.filter((block) => (at(block.axes, axis).embed?.step ?? 1) !== 1);
  if (strided.length > 0) return padAndAdd(b, blocks, { shape, axis });
  const points = [
    ...new Set([0, at(shape, axis), ...blocks.flatMap((block) => extent(at(block.axes, axis)))]),
  ].sort((x, y) => x - y);
  const parts = points.slice(0, -1).map((start, index) => {
    const span = { start, count: at(points, index + 1) - start };
    const inside = blocks.flatMap((block) => crop(b, block, { axis, ...span }) ?? []);
    return assemble(b, inside, {
      shape: shape.map((size, each) => (each === axis ? span.count : size)),
      axis: axis + 1,
    });
  });
  return b.concat(parts, axis);
}

function extent(axis: Axis): [number, number] {
  const start = axis.embed?.start ?? 0;
  return [start, start + coveredSize(axis)];
}

/** The part of a block inside a span that its extent covers wholly or not at all. */
function crop(
  b: Builder,
  block: Block,
  span: { axis: number; start: number; count: number },
): Block | undefined {
  const own = at(block.axes, span.axis);
  const [start, end] = extent(own);
  if (start >= span.start + span.count || end <= span.start) return undefined;
  const to = span.count === 1 ? [] : [label(span.count)];
  const [from] = own.labels;
  const axes = block.axes.map((axis, index) => (index === span.axis ? { labels: to } : axis));
  if (from === undefined) return { ...block, axes };
  const cut = { from, to, start: span.start - start, step: 1 };
  const { factor, guard } = block.term;
  const term = {
    ...block.term,
    ...(factor && { factor: restrict(b, factor, cut) }),
    ...(guard && { guard: restrict(b, guard, cut) }),
  };
  return { term, axes };
}

/** Strided embeddings (upsampling, steps) are scattered by pad. */
function padAndAdd(b: Builder, blocks: readonly Block[], region: Region): Node {
  const { shape, axis } = region;
  const parts = blocks.map((block) => {
    const { start, step } = at(block.axes, axis).embed ?? { start: 0, step: 1 };
    const axes = block.axes.map((each, index) => (index === axis ? { labels: each.labels } : each));
    const inner = shape.map((size, index) => (index === axis ? coveredSize(at(axes, axis)) : size));
    const node = assemble(b, [{ ...block, axes }], { shape: inner, axis: axis + 1 });
    const along = (value: number, other: number): number[] =>
      shape.map((_, index) => (index === axis ? value : other));
    return b.pad(node, { starts: along(start, 0), steps: along(step, 1), shape });
  });
  return parts.reduce((x, y) => b.add(x, y));
}

/** A block without embeddings: factor, guard and scale applied and repeated over all labels. */
function blockNode(b: Builder, { term, axes }: Block): Node {
  const labels = labelsOfAxes(axes);
  const value = guarded(b, term.guard, term.factor) ?? { node: b.constant(1), labels: [] };
  const scaled = { ...value, node: b.mul(b.constant(term.scale), value.node) };
  return b.reshape(expandTo(b, scaled, labels), axes.map(axisSize));
}
