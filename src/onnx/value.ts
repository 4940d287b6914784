/**
 * What a name in an ONNX graph stands for while the model is imported.
 *
 * A value has a layout, a dtype, and its numbers in one or two forms: `node`, the IR value of one row without axes of
 * size one, and `cells`, the numbers themselves where shape arithmetic may need them. Both are made on first use.
 * Always: `node` has the shape `rowShape(layout)`, `cells` has one entry per cell of the layout.
 */

import { sizeOf } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import type { Layout } from "./layout.ts";
import type { Size } from "./size.ts";
import type { Dtype } from "./tensor.ts";

/** Most cells that arithmetic on known values is done with; larger ones are weights. */
const MOST_FOLDED_FLOATS = 64;
const MOST_FOLDED_INTEGERS = 4096;

/** How a value came about: the step that made it and the value it was made from, back to an input. */
export interface Path {
  readonly step: string;
  readonly from?: Path;
}

/** The forms of a value; at least one of `node` and `cells` is given. */
export interface ValueParts {
  readonly dtype: Dtype;
  readonly layout: Layout;
  readonly node: () => Node;
  readonly cells?: (() => readonly Size[]) | undefined;
  /** Present on what depends on the row. */
  readonly path?: Path | undefined;
  /** Present on sequences: their tensors, in order. */
  readonly items?: readonly Value[] | undefined;
}

/** A tensor of the model while it is imported. */
export class Value {
  readonly dtype: Dtype;
  readonly layout: Layout;
  readonly path: Path | undefined;
  readonly items: readonly Value[] | undefined;
  readonly #makeNode: () => Node;
  readonly #makeCells: (() => readonly Size[]) | undefined;
  #node: Node | undefined;
  #cells: readonly Size[] | undefined;

  constructor({ dtype, layout, node, cells, path, items }: ValueParts) {
    this.dtype = dtype;
    this.layout = layout;
    this.path = path;
    this.items = items;
    this.#makeNode = node;
    this.#makeCells = cells;
  }

  /** One row's numbers in the program; made once. */
  get node(): Node {
    this.#node ??= this.#makeNode();
    return this.#node;
  }

  /** The numbers, if they are known while importing. */
  get cells(): readonly Size[] | undefined {
    this.#cells ??= this.#makeCells?.();
    return this.#cells;
  }

  /** True for small known values, with which shape arithmetic is done while importing. */
  get folds(): boolean {
    const most = this.isFloat ? MOST_FOLDED_FLOATS : MOST_FOLDED_INTEGERS;
    return this.#makeCells !== undefined && sizeOf(this.layout.sizes) <= most;
  }

  get rank(): number {
    return this.layout.sizes.length;
  }

  get isFloat(): boolean {
    return this.dtype === "float32" || this.dtype === "float64";
  }
}

/** `input "x" → Gemm "fc1" → Relu "act"`, shortened in the middle when long. */
export function showPath(path: Path | undefined): string {
  const steps: string[] = [];
  for (let at = path; at !== undefined; at = at.from) steps.unshift(at.step);
  const shown =
    steps.length > 7 ? [...steps.slice(0, 3), `… ${steps.length - 6} more …`, ...steps.slice(-3)] : steps;
  return shown.join(" → ");
}
