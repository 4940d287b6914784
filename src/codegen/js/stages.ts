/**
 * Stages as plain loops over one row, in JavaScript or another language with its operators: cells of the scratch array `s`,
 * numbers of bound arrays.
 *
 * In: stages and where buffers lie. Out: lines of code. Every number is a float64: bools are 0 and 1, ints whole numbers.
 */

import { reduceOps } from "../../ir/ops.ts";
import { at } from "../../ir/shape.ts";
import { cellOf, expressionsOf, partsOf } from "../../lower/intern.ts";
import type {
  Access,
  Axis,
  ElementwiseOp,
  Expr,
  Nest,
  Product,
  Stage,
  Store,
  Sum,
} from "../../lower/loops.ts";
import { words } from "./functions.ts";

/** Where an access's buffer starts: an array and its first cell. */
export type Place = (access: Access) => { readonly array: string; readonly start: number };

/** What languages write differently. */
export interface Dialect {
  /** How counters, sums and values are declared. */
  readonly counter: string;
  readonly variable: string;
  readonly value: string;
  /** A whole number as a float, and a float as an index. */
  readonly float: (text: string) => string;
  readonly index: (text: string) => string;
  readonly number: (value: number) => string;
  /** A float cut off toward 0, where NaN gives 0; is a number not 0, as 0 or 1. */
  readonly whole: (text: string) => string;
  readonly truth: (text: string) => string;
  readonly words: Words;
}

/** Operations of a, b and c as texts that need no brackets around them; the compiler names an operation without one. */
export type Words = Readonly<Record<ElementwiseOp | "floorDivide", string>>;

const javaScript: Dialect = {
  counter: "let",
  variable: "let",
  value: "const",
  float: (text) => text,
  index: (text) => text,
  number: numberText,
  whole: (text) => `(Math.trunc(${text}) || 0)`,
  truth: (text) => `(${text} !== 0 ? 1 : 0)`,
  words,
};

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
  readonly #in: Dialect;
  #depth = 2;
  #names = 0;

  constructor(place: Place, dialect: Dialect = javaScript) {
    this.#place = place;
    this.#in = dialect;
  }

  stage(stage: Stage): void {
    if (stage.kind === "repeat")
      this.#over([stage.axis], () => stage.stages.forEach((inner) => this.stage(inner)));
    else if (stage.kind === "straight") this.#block("", () => this.#store(stage.stores, []));
    else if (stage.kind === "nest") this.#nest(stage);
    else if (stage.kind === "product") this.#product(stage);
    else this.#sum(stage);
  }

  #operation(name: keyof Words, args: readonly string[]): string {
    return this.#in.words[name].replace(/\b[abc]\b/g, (operand) => at(args, "abc".indexOf(operand)));
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
    this.#block(`for (${this.#in.counter} ${i} = 0; ${i} < ${first.size}; ${i}++)`, () =>
      this.#over(rest, body),
    );
  }

  #nest({ axes, reduce, stores }: Nest): void {
    const folds = reduce?.folds ?? [];
    const body = (): void => {
      const sums = folds.map(({ op }) => {
        const name = `a${this.#names++}`;
        this.#line(`${this.#in.variable} ${name} = ${this.#in.number(reduceOps[op].start)};`);
        return name;
      });
      const fold = (): void => {
        const terms = this.#values(
          folds.map(({ term }) => term),
          [],
        );
        folds.forEach(({ op }, index) => {
          const args = [sums[index] as string, terms[index] as string];
          this.#line(`${sums[index]} = ${this.#operation(FOLDS[op], args)};`);
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
      this.#line(`${this.#in.variable} ${sum} = 0;`);
      this.#over(k, () => this.#line(`${sum} += ${this.#access(a)} * ${this.#access(b)};`));
      this.#store(stores, [sum]);
    };
    if (axes.length === 0) this.#block("", body);
    else this.#over(axes, body);
  }

  /** Adds this row's terms. */
  #sum({ batch, m, n, k, a, b, into }: Sum): void {
    const body = (): void => {
      const term = b === undefined ? this.#access(a) : `${this.#access(a)} * ${this.#access(b)}`;
      this.#line(`${this.#access(into)} += ${term};`);
    };
    this.#over([...batch, ...m, ...n, ...k], body);
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
        this.#line(`${this.#in.value} ${name} = ${text};`);
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
        return this.#in.number(expr.value);
      case "axis":
        return this.#in.float(`(${expr.scale} * i${expr.axis.id} + ${expr.offset})`);
      case "accumulator":
        return sums[expr.index] as string;
      case "select":
        return `(${part(expr.condition)} ? ${part(expr.a)} : ${part(expr.b)})`;
      case "convert":
        return this.#convert(part(expr.a), expr);
      case "elementwise":
        return this.#operation(
          expr.name === "div" && cellOf(expr) === "int" ? "floorDivide" : expr.name,
          expr.args.map(part),
        );
    }
  }

  #access(access: Access): string {
    const { array, start } = this.#place(access);
    const terms = access.index.terms.map(({ axis, stride }) =>
      stride === 1 ? `i${axis.id}` : `${stride} * i${axis.id}`,
    );
    const tables = (access.index.indirect ?? []).map(({ table, index, stride }) => {
      const entry = this.#in.index(this.#access({ buffer: table, index }));
      return stride === 1 ? entry : `${stride} * ${entry}`;
    });
    const offset = start + access.index.offset;
    const parts = [...terms, ...tables, ...(offset !== 0 ? [`${offset}`] : [])];
    return `${array}[${parts.length === 0 ? "0" : parts.join(" + ")}]`;
  }

  #convert(text: string, { from, to }: { from: string; to: string }): string {
    if (to === "int" && from === "float") return this.#in.whole(text);
    return to === "bool" && from !== "bool" ? this.#in.truth(text) : text;
  }
}

/** A number as JavaScript, in brackets where a sign might run into another. */
export function numberText(value: number): string {
  if (Object.is(value, -0)) return "(-0)";
  return value < 0 ? `(${value})` : `${value}`;
}
