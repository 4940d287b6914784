/**
 * One C function being written: every value gets a name of its own, equal pure expressions are written once.
 *
 * In: expressions as text over names. Out: lines of C. A value of another function becomes a parameter when it is used
 * here, which is how rare paths move out of line.
 */

/** What a vector's lanes hold: floats, integers of their width, or a mask in the machine's own form. */
export type Kind = "float" | "int" | "mask";

/** A vector under a name. `key` names its contents: equal keys, equal contents. */
export interface Value {
  readonly name: string;
  readonly key: string;
  readonly kind: Kind;
  readonly writer: Writer;
  /** The lanes' bits, if it is a constant. */
  readonly pattern?: bigint;
  /** Where the cell is that all lanes hold, if an instruction may read it there. */
  readonly cell?: string;
}

/** A byte offset or counter: a name (or none) plus a constant. */
export interface Int {
  readonly name: string | undefined;
  readonly key: string;
  readonly offset: number;
  /** The pointer that it is counted from, where that is not the one of its kind of address. */
  readonly base?: string | undefined;
}

/** C's names for the kinds. */
export const typeOf: Readonly<Record<Kind, string>> = { float: "vf", int: "vi", mask: "vm" };

/** Gives numbers to names; shared by all functions of a file. */
export interface Names {
  next: number;
}

/** A function being written. */
export class Writer {
  readonly lines: string[] = [];
  /** Values of the caller that became parameters, in order. */
  readonly captured: Value[] = [];
  readonly #names: Names;
  readonly #scopes: Map<string, Value | Int>[] = [new Map<string, Value | Int>()];
  #epoch = 0;
  #stores = 0;

  constructor(names: Names) {
    this.#names = names;
  }

  /** Changes with every assignment and loop: part of the keys of what may have changed. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Changes with every store. */
  get stores(): number {
    return this.#stores;
  }

  noteStore(): void {
    this.#stores++;
  }

  noteAssignment(): void {
    this.#epoch++;
  }

  line(text: string): void {
    this.lines.push("  ".repeat(this.#scopes.length) + text);
  }

  name(prefix: string): string {
    return `${prefix}${this.#names.next++}`;
  }

  /** Writes a block with values of its own: they are forgotten afterwards, as its code may not have run. */
  block(head: string, body: () => void): void {
    this.line(`${head} {`);
    this.#epoch++;
    this.#stores++;
    this.#scopes.push(new Map());
    body();
    this.#scopes.pop();
    this.#epoch++;
    this.#stores++;
    this.line("}");
  }

  /** The vector that `text` computes. `key` distinguishes equal texts with different results. */
  vector(
    kind: Kind,
    text: string,
    { key = "", ...more }: { key?: string } & Pick<Value, "pattern" | "cell"> = {},
  ): Value {
    const whole = `${kind}:${text}${key}`;
    const known = this.#find(whole);
    if (known !== undefined) return known as Value;
    const name = this.name("v");
    this.line(`const ${typeOf[kind]} ${name} = ${text};`);
    const value: Value = { name, key: name, kind, writer: this, ...more };
    this.#scopes.at(-1)?.set(whole, value);
    return value;
  }

  /** The integer that `text` computes. */
  int(text: string, key = ""): Int {
    const whole = `index:${text}${key}`;
    const known = this.#find(whole);
    if (known !== undefined) return known as Int;
    const name = this.name("i");
    this.line(`const ix ${name} = ${text};`);
    const value: Int = { name, key: name, offset: 0 };
    this.#scopes.at(-1)?.set(whole, value);
    return value;
  }

  /** The value as this function sees it. */
  own(value: Value): Value {
    if (value.writer === this) return value;
    let index = this.captured.findIndex((other) => other.key === value.key && other.writer === value.writer);
    if (index < 0) index = this.captured.push(value) - 1;
    return { name: `p${index}`, key: `p${index}`, kind: value.kind, writer: this };
  }

  #find(key: string): Value | Int | undefined {
    for (let depth = this.#scopes.length - 1; depth >= 0; depth--) {
      const known = this.#scopes[depth]?.get(key);
      if (known !== undefined) return known;
    }
    return undefined;
  }
}

/** An integer as a C expression. */
export function textOf({ name, offset }: Int): string {
  if (name === undefined) return `${offset}`;
  if (offset === 0) return name;
  return offset < 0 ? `${name} - ${-offset}` : `${name} + ${offset}`;
}
