/**
 * Stages as plain JavaScript loops over one row: cells of the scratch array `s`, numbers of bound arrays.
 *
 * In: stages and where buffers lie. Out: lines of code. Bools are 0 and 1, ints whole numbers.
 */

import { reduceOps } from "../../ir/ops.ts";
import { expressionsOf, partsOf } from "../../lower/intern.ts";
import type { Access, Axis, Expr, Nest, Product, Stage, Store } from "../../lower/loops.ts";
import { cellOf } from "../expressions.ts";
import { elementwiseText } from "./functions.ts";

/** Where an access's buffer starts: an array and its first cell. */
export type Place = (access: Access) => { readonly array: string; readonly start: number };

const FOLDS = {
  reduceSum: "add",
  reduceProd: "mul",
  reduceMax: "max",
  reduceMin: "min",
  any: "or",
  all: "and",
} as const;

/** Lines of one function body. */
export class StageWriter {
  readonly lines: string[] = [];
  readonly #place: Place;
  #depth = 2;
  #names = 0;

  constructor(place: Place) {
    this.#place = place;
  }

  stage(stage: Stage): void {
    if (stage.kind === "repeat")
      this.#over([stage.axis], () => stage.stages.forEach((inner) => this.stage(inner)));
    else if (stage.kind === "straight") this.#block("", () => this.#store(stage.stores, []));
    else if (stage.kind === "nest") this.#nest(stage);
    else if (stage.kind === "product") this.#product(stage);
  }

  #line(text: string): void {
    this.lines.push("  ".repeat(this.#depth) + text);
  }

  #block(head: string, body: () => void): void {
    this.#line(`${head} {`.trim());
    this.#depth++;
    body();
    this.#depth--;
    this.#line("}");
  }

  #over(axes: readonly Axis[], body: () => void): void {
    const [first, ...rest] = axes;
    if (first === undefined) return body();
    const i = `i${first.id}`;
    this.#block(`for (let ${i} = 0; ${i} < ${first.size}; ${i}++)`, () => this.#over(rest, body));
  }

  #nest({ axes, reduce, stores }: Nest): void {
    const folds = reduce?.folds ?? [];
    const body = (): void => {
      const sums = folds.map(({ op }) => {
        const name = `a${this.#names++}`;
        this.#line(`let ${name} = ${numberText(reduceOps[op].start)};`);
        return name;
      });
      const fold = (): void => {
        const terms = this.#values(
          folds.map(({ term }) => term),
          [],
        );
        folds.forEach(({ op }, index) => {
          const args = [sums[index] as string, terms[index] as string];
          this.#line(`${sums[index]} = ${elementwiseText(FOLDS[op], args, false)};`);
        });
      };
      if (reduce !== undefined) this.#over(reduce.axes, fold);
      this.#store(stores, sums);
    };
    if (axes.length === 0) this.#block("", body);
    else this.#over(axes, body);
  }

  #product({ batch, m, n, k, a, b, stores }: Product): void {
    const axes = [...batch, ...m, ...n];
    const body = (): void => {
      const sum = `a${this.#names++}`;
      this.#line(`let ${sum} = 0;`);
      this.#over(k, () => this.#line(`${sum} += ${this.#access(a)} * ${this.#access(b)};`));
      this.#store(stores, [sum]);
    };
    if (axes.length === 0) this.#block("", body);
    else this.#over(axes, body);
  }

  /** Several values are all computed before the first is stored. */
  #store(stores: readonly Store[], sums: readonly string[]): void {
    const values = this.#values(
      stores.map(({ value }) => value),
      sums,
    );
    stores.forEach(({ access }, index) => this.#line(`${this.#access(access)} = ${values[index]};`));
  }

  /** Expressions as text; those used more than once, and all but the last store's, get a name. */
  #values(roots: readonly Expr[], sums: readonly string[]): string[] {
    const all = expressionsOf(roots);
    const uses = new Map<Expr, number>();
    for (const expr of [...all.flatMap(partsOf), ...roots]) uses.set(expr, (uses.get(expr) ?? 0) + 1);
    const named = new Set(roots.length > 1 ? roots : []);
    const texts = new Map<Expr, string>();
    for (const expr of all) {
      const text = this.#text(expr, (part) => texts.get(part) as string, sums);
      const own = (named.has(expr) || (uses.get(expr) ?? 0) > 1) && !/^[\w.]+$/.test(text);
      if (own) {
        const name = `t${this.#names++}`;
        this.#line(`const ${name} = ${text};`);
        texts.set(expr, name);
      } else texts.set(expr, text);
    }
    return roots.map((root) => texts.get(root) as string);
  }

  #text(expr: Expr, part: (expr: Expr) => string, sums: readonly string[]): string {
    switch (expr.op) {
      case "load":
        return this.#access(expr.access);
      case "literal":
        return numberText(expr.value);
      case "axis":
        return `(${expr.scale} * i${expr.axis.id} + ${expr.offset})`;
      case "accumulator":
        return sums[expr.index] as string;
      case "select":
        return `(${part(expr.condition)} ? ${part(expr.a)} : ${part(expr.b)})`;
      case "convert":
        return convertText(part(expr.a), expr);
      case "elementwise":
        return elementwiseText(expr.name, expr.args.map(part), cellOf(expr) === "int");
    }
  }

  #access(access: Access): string {
    const { array, start } = this.#place(access);
    const terms = access.index.terms.map(({ axis, stride }) =>
      stride === 1 ? `i${axis.id}` : `${stride} * i${axis.id}`,
    );
    const tables = (access.index.indirect ?? []).map(({ table, index, stride }) => {
      const entry = this.#access({ buffer: table, index });
      return stride === 1 ? entry : `${stride} * ${entry}`;
    });
    const offset = start + access.index.offset;
    const parts = [...terms, ...tables, ...(offset !== 0 ? [`${offset}`] : [])];
    return `${array}[${parts.length === 0 ? "0" : parts.join(" + ")}]`;
  }
}

/** Ints are cut off toward 0, NaN gives 0; bools are 0 or 1. */
function convertText(text: string, { from, to }: { from: string; to: string }): string {
  if (to === "int" && from === "float") return `(Math.trunc(${text}) || 0)`;
  return to === "bool" && from !== "bool" ? `(${text} !== 0 ? 1 : 0)` : text;
}

/** A number as JavaScript, in brackets where a sign might run into another. */
export function numberText(value: number): string {
  if (Object.is(value, -0)) return "(-0)";
  return value < 0 ? `(${value})` : `${value}`;
}
