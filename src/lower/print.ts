/** Lowered programs as text: one line per loop head and store, stable, for `JACROW_DEBUG=loops` and snapshots. */

import { expressionsOf, partsOf } from "./intern.ts";
import type { Access, Axis, Buffer, Expr, Index, Leaf, Lowered, Stage } from "./loops.ts";

/** The whole program, readable. */
export function printLowered(lowered: Lowered): string {
  const names = new Names();
  const head = `${lowered.name} ${lowered.dtype} (${lowered.inputs.map(({ buffer }) => names.declared(buffer)).join(", ")}) -> (${lowered.outputs.map(({ buffer }) => names.declared(buffer)).join(", ")})`;
  const stages = lowered.stages.map((stage) => printStage(stage, names));
  return [`${head} scratch ${lowered.scratchCells}`, ...stages.flat().map((line) => `  ${line}`)].join("\n");
}

class Names {
  readonly #buffers = new Map<Buffer, string>();
  readonly #used = new Set<string>();
  #axes = new Map<Axis, string>();
  /** Axes of the loops around the stage. */
  readonly #steps = new Map<Axis, string>();

  declared(buffer: Buffer): string {
    return `${this.buffer(buffer)}[${buffer.cells}]`;
  }

  /** The buffer's name without node numbers, made unique. */
  buffer(buffer: Buffer): string {
    const known = this.#buffers.get(buffer);
    if (known !== undefined) return known;
    const base = buffer.name || "b";
    let name = base;
    for (let count = 2; this.#used.has(name); count++) name = `${base}.${count}`;
    this.#used.add(name);
    this.#buffers.set(buffer, name);
    return name;
  }

  startStage(): void {
    this.#axes = new Map(this.#steps);
  }

  /** A loop whose axis keeps its name in all stages inside. */
  loop(axis: Axis): string {
    this.#steps.set(axis, `t${this.#steps.size}`);
    return `repeat ${this.#steps.get(axis)}<${axis.size}`;
  }

  axis(axis: Axis): string {
    if (!this.#axes.has(axis)) this.#axes.set(axis, axisName(this.#axes.size - this.#steps.size));
    return this.#axes.get(axis) as string;
  }

  index(index: Index): string {
    const terms = index.terms.map(({ axis, stride }) =>
      stride === 1 ? this.axis(axis) : `${stride}${this.axis(axis)}`,
    );
    const tables = (index.indirect ?? []).map(
      ({ table, index: inner, stride }) =>
        `${stride === 1 ? "" : stride}${this.buffer(table)}[${this.index(inner)}]`,
    );
    const parts = [...terms, ...tables];
    return parts.length === 0
      ? String(index.offset)
      : [...parts, ...(index.offset === 0 ? [] : [index.offset])].join("+").replaceAll("+-", "-");
  }

  access({ buffer, index }: Access): string {
    return `${this.buffer(buffer)}[${this.index(index)}]`;
  }

  loops(axes: readonly Axis[]): string {
    return axes.map((axis) => `${this.axis(axis)}<${axis.size}`).join(" ");
  }
}

function axisName(index: number): string {
  const letter = String.fromCharCode(105 + (index % 18));
  return index < 18 ? letter : `${letter}${Math.floor(index / 18)}`;
}

function printStage(stage: Stage, names: Names): string[] {
  if (stage.kind !== "repeat") return printLeaf(stage, names);
  const head = names.loop(stage.axis);
  const lines = stage.stages.flatMap((inner) => printStage(inner, names));
  return [head, ...lines.map((line) => `  ${line}`)];
}

function printLeaf(stage: Leaf, names: Names): string[] {
  names.startStage();
  const head = headOf(stage, names);
  const roots = [
    ...(stage.kind === "nest" ? (stage.reduce?.folds ?? []).map((fold) => fold.term) : []),
    ...stage.stores.map((store) => store.value),
  ];
  const writer = new ExprWriter(roots, names);
  const folds =
    stage.kind === "nest"
      ? (stage.reduce?.folds ?? []).map(({ op, term }, index) => `acc${index} = ${op}(${writer.text(term)})`)
      : [];
  const stores = stage.stores.map(({ access, value }) => {
    const text = writer.text(value);
    return `${names.access(access)} = ${text}`;
  });
  return [head, ...writer.interleaved([...folds, ...stores]).map((line) => `  ${line}`)];
}

function headOf(stage: Leaf, names: Names): string {
  if (stage.kind === "straight") return "straight";
  if (stage.kind === "nest") {
    const reduce = stage.reduce === undefined ? "" : ` fold ${names.loops(stage.reduce.axes)}`;
    return `${stage.ordered ? "ordered " : ""}nest ${names.loops(stage.axes)}${reduce}`;
  }
  const { a, b } = stage;
  const parts = (["batch", "m", "n", "k"] as const)
    .filter((part) => stage[part].length > 0)
    .map((part) => `${part}(${names.loops(stage[part])})`);
  const text = b === undefined ? names.access(a) : `${names.access(a)} * ${names.access(b)}`;
  return stage.kind === "sum"
    ? `sum ${parts.join(" ")}: ${names.access(stage.into)} += ${text}`
    : `product ${parts.join(" ")}: acc0 = ${text}`;
}

/** Writes expressions; what several places share gets a name and a line of its own. */
class ExprWriter {
  readonly #names: Names;
  readonly #uses = new Map<Expr, number>();
  readonly #shared = new Map<Expr, string>();
  readonly #lines: { text: string; before: number }[] = [];
  #written = 0;

  constructor(roots: readonly Expr[], names: Names) {
    this.#names = names;
    for (const root of roots) this.#count(root);
    for (const expr of expressionsOf(roots)) for (const part of partsOf(expr)) this.#count(part);
  }

  /** One root's text; call once per line, in order. */
  text(expr: Expr): string {
    const text = this.#inner(expr);
    this.#written++;
    return text;
  }

  /** The lines, each after the shared values it needs. */
  interleaved(lines: readonly string[]): string[] {
    return lines.flatMap((line, index) => [
      ...this.#lines.filter(({ before }) => before === index).map(({ text }) => text),
      line,
    ]);
  }

  #count(expr: Expr): void {
    this.#uses.set(expr, (this.#uses.get(expr) ?? 0) + 1);
  }

  #inner(expr: Expr): string {
    const name = this.#shared.get(expr);
    if (name !== undefined) return name;
    const text = this.#spelled(expr);
    if (partsOf(expr).length === 0 || (this.#uses.get(expr) ?? 0) < 2) return text;
    const fresh = `v${this.#shared.size}`;
    this.#shared.set(expr, fresh);
    this.#lines.push({ text: `${fresh} = ${text}`, before: this.#written });
    return fresh;
  }

  #spelled(expr: Expr): string {
    switch (expr.op) {
      case "load":
        return this.#names.access(expr.access);
      case "literal":
        return expr.cell === "float" ? String(expr.value) : `${expr.value}${expr.cell[0]}`;
      case "axis":
        return this.#names.index({ offset: expr.offset, terms: [{ axis: expr.axis, stride: expr.scale }] });
      case "accumulator":
        return `acc${expr.index}`;
      case "elementwise":
        return `${expr.name}(${expr.args.map((arg) => this.#inner(arg)).join(", ")})`;
      case "select":
        return `select(${[expr.condition, expr.a, expr.b].map((arg) => this.#inner(arg)).join(", ")})`;
      case "convert":
        return `${expr.to}(${this.#inner(expr.a)})`;
    }
  }
}
