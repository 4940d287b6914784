/**
 * A scalar computational graph in typed arrays: what searches for elimination orders work on.
 *
 * Edges are told apart only as ±1, other constants, and general numbers, so one elimination is a few byte operations and can
 * be undone. What the graph looks like after some vertices are gone does not depend on the order in which they went.
 */

/** No edge, ±1, a number known before the rows (a constant, a shared value), any other. */
export const KIND = { none: 0, unit: 1, constant: 2, general: 3 } as const;

/** How products of two edges are counted, by `4·kind + kind`. */
export interface Prices {
  readonly products: Uint8Array;
  /** Adding a product to an edge that is there already. */
  readonly addition: number;
}

/** Products with ±1 and among constants are free; an eighth for an addition breaks ties. */
export const realPrices: Prices = {
  products: pricesOf((x, y) => (x === KIND.unit || y === KIND.unit || x + y === 2 * KIND.constant ? 0 : 8)),
  addition: 1,
};

/** Every product of two edges is one multiplication, ±1 or not; additions are free (arXiv 2406.05027). */
export const paperPrices: Prices = { products: pricesOf(() => 8), addition: 0 };

/** How much of a price is one multiplication. */
export const MULTIPLICATION = 8;

function pricesOf(price: (x: number, y: number) => number): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, pair) => price(pair >> 2, pair & 3));
}

/** One edge of a problem. */
export interface ScalarEdge {
  readonly from: number;
  readonly to: number;
  readonly kind: number;
}

/** Vertices 0 … size − 1 in topological order; `inner` are those to eliminate, ascending. */
export interface ScalarProblem {
  readonly size: number;
  readonly edges: readonly ScalarEdge[];
  readonly inner: readonly number[];
}

/** A problem under elimination. */
export class ScalarGraph {
  readonly size: number;
  /** Products of edges looked at so far: what planning effort is counted in. */
  work = 0;
  readonly #prices: Prices;
  readonly #kind: Uint8Array;
  readonly #into: Int16Array;
  readonly #outOf: Int16Array;
  readonly #intoCount: Int16Array;
  readonly #outOfCount: Int16Array;
  readonly #gone: Uint8Array;
  /** Changes to undo: cell · 4 + old kind, or −1 − vertex for a vertex that went. */
  #log: Int32Array;
  #logged = 0;

  constructor({ size, edges }: ScalarProblem, prices: Prices) {
    this.size = size;
    this.#prices = prices;
    this.#kind = new Uint8Array(size * size);
    this.#into = new Int16Array(size * size);
    this.#outOf = new Int16Array(size * size);
    this.#intoCount = new Int16Array(size);
    this.#outOfCount = new Int16Array(size);
    this.#gone = new Uint8Array(size);
    this.#log = new Int32Array(1024);
    for (const { from, to, kind } of edges) this.#change(from, to, kind);
    this.#logged = 0;
  }

  /** A point to return to. */
  get mark(): number {
    return this.#logged;
  }

  /** What eliminating `v` now would cost. */
  price(v: number): number {
    return this.#pairs(v, false);
  }

  /** Eliminates `v`; gives its cost. */
  eliminate(v: number): number {
    const cost = this.#pairs(v, true);
    this.#gone[v] = 1;
    this.#record(-1 - v);
    return cost;
  }

  /** How many live vertices have an edge into `v`, and out of it. */
  degrees(v: number): readonly [number, number] {
    return [this.#live(v, this.#into, this.#intoCount), this.#live(v, this.#outOf, this.#outOfCount)];
  }

  #live(v: number, list: Int16Array, counts: Int16Array): number {
    const end = v * this.size + (counts[v] as number);
    let live = 0;
    for (let place = v * this.size; place < end; place++)
      live += 1 - (this.#gone[list[place] as number] as number);
    return live;
  }

  /** Live predecessors or successors. */
  neighbours(v: number, side: "into" | "outOf"): number[] {
    const [list, counts] = side === "into" ? [this.#into, this.#intoCount] : [this.#outOf, this.#outOfCount];
    const end = v * this.size + (counts[v] as number);
    const live: number[] = [];
    for (let place = v * this.size; place < end; place++) {
      const other = list[place] as number;
      if (this.#gone[other] === 0) live.push(other);
    }
    return live;
  }

  /** Is ±1 the only edge into `v`, or the only one out of it? */
  hasLoneUnit(v: number): boolean {
    const [into, outOf] = [this.neighbours(v, "into"), this.neighbours(v, "outOf")];
    const isUnit = (from: number, to: number): boolean => this.#kind[from * this.size + to] === KIND.unit;
    return (
      (into.length === 1 && isUnit(into[0] as number, v)) ||
      (outOf.length === 1 && isUnit(v, outOf[0] as number))
    );
  }

  /** The edges that are left. */
  edges(): ScalarEdge[] {
    return Array.from({ length: this.size }, (_, from) => from).flatMap((from) =>
      this.#gone[from] === 1
        ? []
        : this.neighbours(from, "outOf").map((to) => ({
            from,
            to,
            kind: this.#kind[from * this.size + to] as number,
          })),
    );
  }

  /** Takes back everything since `mark`. */
  undo(mark: number): void {
    while (this.#logged > mark) {
      const entry = this.#log[--this.#logged] as number;
      if (entry < 0) {
        this.#gone[-1 - entry] = 0;
        continue;
      }
      const cell = entry >> 2;
      this.#kind[cell] = entry & 3;
      if ((entry & 3) !== 0) continue;
      const from = Math.floor(cell / this.size);
      (this.#outOfCount[from] as number)--;
      (this.#intoCount[cell - from * this.size] as number)--;
    }
  }

  #pairs(v: number, change: boolean): number {
    const { size } = this;
    const [kinds, gone, into, outOf] = [this.#kind, this.#gone, this.#into, this.#outOf];
    const { products, addition } = this.#prices;
    const row = v * size;
    const [intoEnd, outOfEnd] = [row + (this.#intoCount[v] as number), row + (this.#outOfCount[v] as number)];
    let cost = 0;
    for (let i = row; i < intoEnd; i++) {
      const from = into[i] as number;
      if (gone[from] === 1) continue;
      this.work += outOfEnd - row;
      const inner = kinds[from * size + v] as number;
      for (let j = row; j < outOfEnd; j++) {
        const to = outOf[j] as number;
        if (gone[to] === 1) continue;
        const outer = kinds[row + to] as number;
        const known = kinds[from * size + to] as number;
        cost += products[inner * 4 + outer] as number;
        const product = inner > outer ? inner : outer;
        if (known === 0) {
          if (change) this.#change(from, to, product);
          continue;
        }
        cost += addition;
        const sum = known === 3 || product === 3 ? 3 : 2;
        if (change && sum !== known) this.#change(from, to, sum);
      }
    }
    return cost;
  }

  #change(from: number, to: number, kind: number): void {
    const cell = from * this.size + to;
    const old = this.#kind[cell] as number;
    this.#record(cell * 4 + old);
    this.#kind[cell] = kind;
    if (old !== 0) return;
    this.#outOf[from * this.size + (this.#outOfCount[from] as number)++] = to;
    this.#into[to * this.size + (this.#intoCount[to] as number)++] = from;
  }

  #record(entry: number): void {
    if (this.#logged === this.#log.length) {
      const longer = new Int32Array(2 * this.#log.length);
      longer.set(this.#log);
      this.#log = longer;
    }
    this.#log[this.#logged++] = entry;
  }
}

/** The cost of a whole order. */
export function costOfOrder(problem: ScalarProblem, order: readonly number[], prices: Prices): number {
  const graph = new ScalarGraph(problem, prices);
  return order.reduce((sum, v) => sum + graph.eliminate(v), 0);
}
