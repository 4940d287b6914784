/**
 * A C file being written: its functions and tables, and which function code now goes to.
 *
 * Functions are made by `define`; helper functions of vectors are made on demand, equal ones once.
 */

import { invariant } from "../../errors.ts";
import type { Dtype } from "../../lower/lanes.ts";
import { CLanes, type LanesOptions } from "./lanes.ts";
import { type Kind, type Names, typeOf, type Value, Writer } from "./writer.ts";

/** A signature: what stands before the body. */
export interface Signature {
  readonly name: string;
  readonly params: readonly string[];
  readonly result?: Kind;
  /** Attributes, as macros of the prelude. */
  readonly attributes?: string;
}

/** A function of vectors, and what it is called with. */
export interface Formula {
  readonly values: readonly Value[];
  readonly make: (params: readonly Value[]) => Value;
}

/** A file being written. */
export class CFile {
  readonly lanes: CLanes;
  readonly dtype: Dtype;
  readonly #texts: string[] = [];
  readonly #names: Names = { next: 0 };
  readonly #helpers = new Map<string, { readonly name: string; readonly kind: Kind }>();
  readonly #tables = new Map<string, string>();
  readonly #stack: Writer[] = [];

  constructor(options: LanesOptions) {
    this.dtype = options.dtype;
    this.lanes = new CLanes(this, options);
  }

  /** The function being written. */
  get current(): Writer {
    const writer = this.#stack.at(-1);
    invariant(writer !== undefined, "code outside of a function");
    return writer;
  }

  /** All tables and functions, in an order in which each is defined before its use. */
  get text(): string {
    return [...this.#tables.values(), ...this.#texts].join("\n");
  }

  /** A new function; `write` gives its result if it has one. */
  define(signature: Signature, write: () => Value | undefined): void {
    const { writer, result } = this.#write(write);
    this.#add(signature, writer, result);
  }

  /** The name of a table of lane patterns. */
  table(patterns: readonly bigint[]): string {
    const key = patterns.join();
    let text = this.#tables.get(key);
    if (text === undefined) {
      const cells = patterns.map((bits) => this.lanes.hexadecimal(bits)).join(", ");
      text = `static const cell_bits table${this.#tables.size}[] = {${cells}};`;
      this.#tables.set(key, text);
    }
    return /table\d+/.exec(text)?.[0] as string;
  }

  /** Calls a function of vectors, writing it at its first call; `attributes` says if it is compiled in place. */
  call(name: string, attributes: "JR_INLINE" | "JR_CALLED", { values, make }: Formula): Value {
    const caller = this.current;
    const own = values.map((value) => caller.own(value));
    const key = `${name}(${own.map((value) => value.kind).join()})${attributes}`;
    const helper = this.#helpers.get(key) ?? this.#helper(key, attributes, { values: own, make });
    return caller.vector(helper.kind, `${helper.name}(${own.map((value) => value.name).join(", ")})`);
  }

  /** The value that `body` computes, in a function of its own; values of the caller become its parameters. */
  outOfLine(body: () => Value): Value {
    const caller = this.current;
    const { writer, result } = this.#write(body);
    invariant(result !== undefined, "a rare path without a result");
    const { captured } = writer;
    const code = renumbered([...writer.lines, result.name].join("\n"));
    let helper = this.#helpers.get(code);
    if (helper === undefined) {
      helper = { name: `rare${this.#helpers.size}`, kind: result.kind };
      this.#helpers.set(code, helper);
      const params = captured.map((value, index) => `${typeOf[value.kind]} p${index}`);
      this.#add({ name: helper.name, params, result: result.kind, attributes: "JR_RARE" }, writer, result);
    }
    const own = captured.map((value) => caller.own(value).name);
    return caller.vector(helper.kind, `${helper.name}(${own.join(", ")})`);
  }

  #helper(key: string, attributes: string, { values, make }: Formula): { name: string; kind: Kind } {
    const { writer, result } = this.#write((own) =>
      make(values.map(({ kind }, index) => ({ name: `p${index}`, key: `p${index}`, kind, writer: own }))),
    );
    invariant(result !== undefined, "a function without a result");
    const helper = { name: `lanes_${key.replace(/\W.*/, "")}${this.#helpers.size}`, kind: result.kind };
    this.#helpers.set(key, helper);
    const params = values.map(({ kind }, index) => `${typeOf[kind]} p${index}`);
    this.#add({ name: helper.name, params, result: result.kind, attributes }, writer, result);
    return helper;
  }

  #write(write: (own: Writer) => Value | undefined): { writer: Writer; result: Value | undefined } {
    const writer = new Writer(this.#names);
    this.#stack.push(writer);
    const made = write(writer);
    const result = made === undefined ? undefined : writer.own(made);
    this.#stack.pop();
    return { writer, result };
  }

  #add(signature: Signature, { lines }: Writer, result: Value | undefined): void {
    const { name, params, attributes = "" } = signature;
    const type = result === undefined ? "void" : typeOf[result.kind];
    const end = result === undefined ? [] : [`  return ${result.name};`];
    const head = `static ${attributes} ${type} ${name}(${params.join(", ")})`;
    this.#texts.push([`${head.replace("  ", " ")} {`, ...read(lines, end), ...end, "}", ""].join("\n"));
  }
}

/** The lines without values that no later line reads: formulas compute parts that not every caller wants. */
function read(lines: readonly string[], end: readonly string[]): string[] {
  const used = new Set<string>(end.flatMap((line) => line.match(NAMES) ?? []));
  const kept: string[] = [];
  for (const line of [...lines].reverse()) {
    const [, made, value = line] = /^ *const v[fim] (v\d+) = (.*)$/.exec(line) ?? [];
    if (made !== undefined && !used.has(made)) continue;
    for (const name of value.match(NAMES) ?? []) used.add(name);
    kept.push(line);
  }
  return kept.reverse();
}

const NAMES = /\bv\d+\b/g;

/** The same code with names counted from 0: equal for equal functions. */
function renumbered(code: string): string {
  const names = new Map<string, string>();
  return code.replace(/\b[vix]\d+\b/g, (name) => {
    const known = names.get(name) ?? `${name[0]}${names.size}`;
    names.set(name, known);
    return known;
  });
}
