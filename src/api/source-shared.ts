/**
 * Shared inputs of embedded functions: the program that makes bound memory from them.
 *
 * In: a lowered program, its shared inputs and perhaps a layout. Out: a program of one row, lowered too, that gives the cells that
 * depend on them in the order in which they are read; undefined where none does. Everything else of bound memory is constant.
 */

import { type Layout, packedOnce } from "../codegen/layout.ts";
import { type PackJob, pack } from "../codegen/packing.ts";
import type { SharedPart, SharedPlace } from "../codegen/shared-part.ts";
import { invariant } from "../errors.ts";
import { Builder } from "../ir/builder.ts";
import { inline, operandsOf, topologicalOrder } from "../ir/graph.ts";
import { at, sizeOf } from "../ir/shape.ts";
import type { InputNode, Node, Program } from "../ir/types.ts";
import { lower } from "../lower/index.ts";
import type { Dtype } from "../lower/lanes.ts";
import type { Buffer, Lowered, Product } from "../lower/loops.ts";
import { prepared } from "../runtime/prepare.ts";
import { boundValues } from "../runtime/wasm/bind.ts";

type BoundBuffer = Extract<Buffer, { space: "bound" }>;

/** A place, and which cells of its buffer it holds; all in order if undefined. */
interface Piece extends SharedPlace {
  readonly buffer: BoundBuffer;
  readonly order?: Float64Array;
}

/** How to make the program. */
export interface SharedPartOptions {
  readonly shared: readonly InputNode[];
  readonly dtype: Dtype;
  /** Default: every buffer as it is. */
  readonly layout?: Layout;
}

/** What of a program's bound memory depends on its shared inputs. */
export function sharedPart(
  lowered: Lowered,
  { shared, dtype, layout }: SharedPartOptions,
): SharedPart | undefined {
  const bound = lowered.buffers.filter((buffer) => buffer.space === "bound");
  const dependent = dependentOf(bound.map(({ source }) => source));
  const depends = (buffer: Buffer): buffer is BoundBuffer =>
    buffer.space === "bound" && dependent.has(buffer.source);
  const pieces =
    layout === undefined
      ? bound.filter(depends).map((buffer) => wholePiece(buffer, 0))
      : [
          ...packedPieces(lowered, { layout, depends, shared }),
          ...[...layout.plain].flatMap(([buffer, address]) =>
            depends(buffer) ? [wholePiece(buffer, address)] : [],
          ),
        ];
  const places = pieces.filter(({ cells }) => cells > 0);
  if (places.length === 0) return undefined;
  return { lowered: lower(prepared(programOf(places, lowered.name, shared)), { dtype }), places };
}

/** Zeros for shared inputs: what stands in their place until a call gives them. */
export function blank(shared: readonly InputNode[]): Map<InputNode, Float64Array> {
  return new Map(shared.map((input) => [input, new Float64Array(sizeOf(input.shape))]));
}

/** Long constants are bound too: only what reads an input depends on one. */
function dependentOf(sources: readonly Node[]): ReadonlySet<Node> {
  const found = new Set<Node>();
  for (const node of topologicalOrder(sources))
    if (node.op === "input" || operandsOf(node).some((operand) => found.has(operand))) found.add(node);
  return found;
}

function wholePiece(buffer: BoundBuffer, address: number): Piece {
  return { buffer, address, cells: buffer.cells, cell: buffer.cell };
}

/** Products read panels: packing the cells' numbers instead of their values tells the order. */
function packedPieces(
  lowered: Lowered,
  known: { layout: Layout; depends: (buffer: Buffer) => buffer is BoundBuffer; shared: readonly InputNode[] },
): Piece[] {
  const { layout, depends, shared } = known;
  const values = boundValues(lowered, blank(shared));
  return packedOnce(layout).flatMap(([product, { address, packing }]) => {
    const { buffer } = product.a;
    checkTables(product, depends);
    if (!depends(buffer)) return [];
    const order = new Float64Array(packing.cells);
    const cells = Float64Array.from({ length: buffer.cells }, (_, cell) => cell);
    const tables: PackJob["tables"] = (table) => values.get(table) as Float64Array;
    pack(product, { packing, values: cells, tables, out: order });
    return [{ buffer, address, cells: packing.cells, cell: buffer.cell, order }];
  });
}

function checkTables({ a }: Product, depends: (buffer: Buffer) => boolean): void {
  invariant(
    !a.index.indirect?.some(({ table }) => depends(table)),
    "the order of packed weights depends on a shared input",
  );
}

function programOf(pieces: readonly Piece[], name: string, shared: readonly InputNode[]): Program {
  const b = new Builder();
  const inputs = shared.map((input) => b.input(input.name, input.shape, { cell: input.cell }));
  const sources = pieces.map(({ buffer }) => ({ name: buffer.name, value: buffer.source }));
  const values = inline(b, { name, inputs: shared, outputs: sources }, inputs);
  const outputs = pieces.map((piece, index) => ({
    name: `shared ${index}`,
    value: ordered(b, at(values, index), piece),
  }));
  return { name, inputs, outputs };
}

function ordered(b: Builder, value: Node, { buffer, order }: Piece): Node {
  const flat =
    sizeOf(value.shape) === buffer.cells
      ? b.reshape(value, [buffer.cells])
      : b.broadcast(b.reshape(value, []), [buffer.cells]);
  if (order === undefined || (order.length === buffer.cells && order.every((cell, index) => cell === index)))
    return flat;
  return b.gather(flat, b.constant(order, [order.length], "int"), 0);
}
