/**
 * What a linearised program starts and ends with: whole inputs and outputs, or, for a formula, their scalar cells.
 *
 * In: values in a builder. Out: the sources and sinks of elimination, the values as they shall be given, and how the accumulated
 * maps become one node per output and input.
 */

import type { Builder } from "../ir/builder.ts";
import { topologicalOrder } from "../ir/graph.ts";
import { at, sizeOf } from "../ir/shape.ts";
import type { InputNode, Node, Shape } from "../ir/types.ts";
import { fromCells, ScalarCells } from "../optimize/scalar-cells.ts";
import { isFormula } from "../optimize/scalarise.ts";
import { compressedNode, compressedScalars } from "./compressed.ts";
import type { Vertex } from "./linear-graph.ts";
import type { LinearMap } from "./linear-map.ts";
import { linearize } from "./linearize.ts";
import type { Closed, LinearizeOptions } from "./linearized.ts";
import { denseNode } from "./materialize.ts";
import { type Pattern, patternOfMap, patternOfScalars } from "./pattern.ts";

/** Entries of the Jacobian up to which a program is taken apart: each is a node of its own. */
const FORMULA_ENTRIES = 2048;

/** A linearised program and its ends. */
export interface Ends {
  readonly linear: Closed;
  /** The outputs' values, from scalars if the program was taken apart. */
  readonly values: readonly Node[];
  readonly scalars: boolean;
  /** The maps between output and input, row-major over their cells if taken apart, else one. */
  maps(map: MapOf, pair: Pair): readonly LinearMap[];
  /** Those maps as one dense node (…out, …in). */
  dense(b: Builder, maps: readonly LinearMap[], pair: Pair): Node;
  /** Where those maps may be nonzero. */
  pattern(maps: readonly LinearMap[], pair: Pair): Pattern;
  /** Those maps as the values (nnz,) of the pattern. */
  compressed(b: Builder, maps: readonly LinearMap[], pair: Pair): Node;
}

type MapOf = (source: Vertex, sink: Vertex) => LinearMap;

/** Positions of an output and of an input. */
export interface Pair {
  readonly output: number;
  readonly input: number;
}

/** Linearises `values` with respect to `wrt`, taking formulas apart. */
export function endsOf(
  b: Builder,
  { outputs: values, wrt }: { readonly outputs: readonly Node[]; readonly wrt: readonly InputNode[] },
  how: LinearizeOptions,
): Ends {
  const cells = (nodes: readonly Node[]): number => nodes.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const small = cells(values) * cells(wrt) <= FORMULA_ENTRIES && isFormula(values);
  return small ? scalarEnds(b, { outputs: values, wrt }, how) : wholeEnds(b, { outputs: values, wrt }, how);
}

function wholeEnds(
  b: Builder,
  { outputs: values, wrt }: { outputs: readonly Node[]; wrt: readonly InputNode[] },
  how: LinearizeOptions,
): Ends {
  const linear = linearize(b, { outputs: values, wrt }, how);
  const shapes = ({ output, input }: Pair): readonly [Shape, Shape] => [
    at(values, output).shape,
    at(wrt, input).shape,
  ];
  const pattern: Ends["pattern"] = (maps, pair) => patternOfMap(at(maps, 0), shapes(pair));
  return {
    linear,
    values,
    scalars: false,
    maps: (map, { output, input }) => [map(at(linear.sources, input), at(linear.sinks, output))],
    dense: (builder, maps, pair) => denseNode(builder, at(maps, 0), shapes(pair)),
    pattern,
    compressed: (builder, maps, pair) =>
      compressedNode(builder, at(maps, 0), { shapes: shapes(pair), pattern: pattern(maps, pair) }),
  };
}

function scalarEnds(
  b: Builder,
  { outputs: values, wrt }: { outputs: readonly Node[]; wrt: readonly InputNode[] },
  how: LinearizeOptions,
): Ends {
  const apart = new ScalarCells(b, wrt);
  const { cells, whole } = apart.add(topologicalOrder(values));
  const [outs, ins] = [values.map(cells), wrt.map(cells)];
  const linear = linearize(b, { outputs: outs.flat(), wrt: ins.flat().map(sourceOf) }, how);
  const [sinks, sources] = [dealt(linear.sinks, outs), dealt(linear.sources, ins)];
  return {
    linear,
    values: values.map(whole),
    scalars: true,
    maps: (map, { output, input }) =>
      at(sinks, output).flatMap((sink) => at(sources, input).map((source) => map(source, sink))),
    dense: (builder, maps, { output, input }) =>
      fromCells(
        builder,
        { shape: [...at(values, output).shape, ...at(wrt, input).shape], cell: "float" },
        maps.map((map) => denseNode(builder, map, [[], []])),
      ),
    pattern: (maps, { output, input }) =>
      patternOfScalars(maps, [at(values, output).shape, at(wrt, input).shape]),
    compressed: (builder, maps) => compressedScalars(builder, maps),
  };
}

/** The node whose tangent a cell's is: what every reader goes through, whatever shape it reads the cell in. */
function sourceOf(cell: Node): Node {
  return cell.op === "reshape" ? cell.a : cell;
}

/** A flat list cut to the lengths of `like`. */
function dealt<T>(list: readonly T[], like: readonly (readonly unknown[])[]): readonly (readonly T[])[] {
  let start = 0;
  return like.map(({ length }) => list.slice(start, (start += length)));
}
