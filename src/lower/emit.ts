/**
 * Groups become stages: sketches are resolved to loads of buffers, accumulators and shared expressions.
 *
 * A member is stored only if another stage reads it or it is part of an output.
 */

import { InternalError } from "../errors.ts";
import { at } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import { type Group, isMade, type Member } from "./groups.ts";
import { cellIn, type Homes } from "./homes.ts";
import { axesOf, indicesKey } from "./indices.ts";
import { Interner } from "./intern.ts";
import type { Access, Axis, Expr, Index, Leaf, Product, Store } from "./loops.ts";
import type { Read, Sketch } from "./sketch.ts";

/** Nodes read by a group that does not make them at that point. */
export function readElsewhere(groups: readonly Group[]): Set<Node> {
  const nodes = new Set<Node>();
  for (const group of groups)
    for (const read of group.reads()) if (!isMade(group, read)) nodes.add(read.node);
  return nodes;
}

/** The stage of a group; undefined if nothing it makes is wanted. */
export function stageOf(group: Group, homes: Homes, wanted: ReadonlySet<Node>): Leaf | undefined {
  const emitter = new Emitter(group, homes);
  const stores = group.members
    .filter((member) => isWanted(member, homes, wanted))
    .map((member) => emitter.store(member));
  if (stores.length === 0) return undefined;
  if (group.factors !== undefined)
    return product(
      group,
      stores,
      group.factors.map((read) => emitter.access(read)),
    );
  const folds = group.folds.map(({ op, term }) => ({ op, term: emitter.resolved(term) }));
  return {
    kind: "nest",
    ...(group.ordered ? { ordered: true } : {}),
    axes: group.axes,
    ...(folds.length === 0 ? {} : { reduce: { axes: group.reduce, folds } }),
    stores,
  };
}

function isWanted({ target }: Member, homes: Homes, wanted: ReadonlySet<Node>): boolean {
  return target.node === undefined || homes.isPinned(target.node) || wanted.has(target.node);
}

class Emitter {
  readonly #group: Group;
  readonly #homes: Homes;
  readonly #interner = new Interner();
  readonly #memo = new Map<Sketch, Expr>();

  constructor(group: Group, homes: Homes) {
    this.#group = group;
    this.#homes = homes;
  }

  store({ target, at: place, value }: Member): Store {
    const access = { buffer: target.home.buffer, index: cellIn(target.home, place) };
    return { access, value: this.resolved(value) };
  }

  /** Where a read node's cell lies. */
  access({ node, at: place }: Read): Access {
    const home = this.#homes.readOf(node);
    return { buffer: home.buffer, index: cellIn(home, place) };
  }

  resolved(sketch: Sketch): Expr {
    const known = this.#memo.get(sketch);
    if (known !== undefined) return known;
    const expr = this.#resolve(sketch);
    this.#memo.set(sketch, expr);
    return expr;
  }

  #resolve(sketch: Sketch): Expr {
    switch (sketch.op) {
      case "read":
        return this.#read(sketch);
      case "literal":
        return this.#interner.literal(sketch.value, sketch.cell);
      case "index":
        return this.#index(sketch.index);
      case "accumulator":
        return this.#interner.accumulator(sketch.index, sketch.cell);
      case "elementwise":
        return this.#interner.elementwise(
          sketch.name,
          sketch.cell,
          sketch.args.map((arg) => this.resolved(arg)),
        );
      case "select":
        return this.#interner.select(
          this.resolved(sketch.condition),
          this.resolved(sketch.a),
          this.resolved(sketch.b),
        );
      case "convert":
        return this.#interner.convert(this.resolved(sketch.a), sketch.from, sketch.to);
    }
  }

  #read(read: Read): Expr {
    const maker = this.#group.ordered
      ? undefined
      : this.#group.members.find(
          ({ target, at: place }) => target.node === read.node && indicesKey(place) === indicesKey(read.at),
        );
    return maker === undefined ? this.#interner.load(this.access(read)) : this.resolved(maker.value);
  }

  /** Σ stride · axis + offset, and cells of tables, as an int expression. */
  #index(index: Index): Expr {
    const terms = index.terms.map(({ axis, stride }, position) =>
      this.#interner.axis(axis, stride, position === 0 ? index.offset : 0),
    );
    const tables = (index.indirect ?? []).map(({ table, index: inner, stride }) => {
      const cell = this.#interner.load({ buffer: table, index: inner });
      return stride === 1
        ? cell
        : this.#interner.elementwise("mul", "int", [cell, this.#interner.literal(stride, "int")]);
    });
    const parts = [
      ...(terms.length === 0 && (index.offset !== 0 || tables.length === 0)
        ? [this.#interner.literal(index.offset, "int")]
        : []),
      ...terms,
      ...tables,
    ];
    return parts.reduce((sum, part) => this.#interner.elementwise("add", "int", [sum, part]));
  }
}

/** Sorts a contraction's axes by the operands that use them; the bound operand is `a`. */
function product(group: Group, stores: readonly Store[], accesses: readonly Access[]): Product {
  const [first, second] = [at(accesses, 0), at(accesses, 1)];
  const [a, b] = second.buffer.space === "bound" ? [second, first] : [first, second];
  if (b.buffer.space !== "tile")
    throw new InternalError("JR414", "a product of two shared values belongs to the bind phase");
  const [inA, inB] = [new Set(axesOf(a.index)), new Set(axesOf(b.index))];
  const chosen = (test: (axis: Axis) => boolean): Axis[] => group.axes.filter(test);
  return {
    kind: "product",
    batch: chosen((axis) => inA.has(axis) && inB.has(axis)),
    m: chosen((axis) => inA.has(axis) && !inB.has(axis)),
    n: chosen((axis) => !inA.has(axis)),
    k: group.reduce,
    a,
    b,
    stores,
  };
}
