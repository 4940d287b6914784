/**
 * A parser for the Python literal that heads a `.npy` file.
 *
 * In: text. Out: plain values: strings, integers, booleans, null, lists and tuples as arrays, dicts as maps.
 * Always: the whole text is read, duplicate keys are refused, and an error names the character where reading stopped.
 */

import { UsageError } from "../errors.ts";

/** A tuple, kept apart from a list because a shape must be one. */
export interface PythonTuple {
  readonly tuple: readonly PythonValue[];
}

/** What a literal can be. */
export type PythonValue =
  | string
  | number
  | boolean
  | null
  | readonly PythonValue[]
  | PythonTuple
  | ReadonlyMap<string, PythonValue>;

/** Where the text came from, for messages: `offset` is the byte of its first character. */
export interface LiteralSource {
  readonly name: string;
  readonly offset: number;
}

const MAX_DEPTH = 32;

/** Parses `text` as one Python literal. Throws a `UsageError` with the byte offset at which it is not one. */
export function parsePythonLiteral(text: string, source: LiteralSource): PythonValue {
  const parser = new LiteralParser(text, source);
  return parser.whole();
}

class LiteralParser {
  readonly #text: string;
  readonly #source: LiteralSource;
  #at = 0;
  #depth = 0;

  constructor(text: string, source: LiteralSource) {
    this.#text = text;
    this.#source = source;
  }

  whole(): PythonValue {
    const value = this.#value();
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail("the end of the header");
    return value;
  }

  #value(): PythonValue {
    this.#skipSpace();
    const first = this.#text[this.#at];
    if (first === "{") return this.#nested(() => this.#dict());
    if (first === "[") return this.#nested(() => this.#list());
    if (first === "(") return this.#nested(() => this.#tuple());
    if (first === "'" || first === '"') return this.#string(first);
    if (first !== undefined && /[-0-9]/.test(first)) return this.#integer();
    return this.#name();
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > MAX_DEPTH) this.#fail(`at most ${MAX_DEPTH} levels of brackets`);
    this.#at++;
    const value = read();
    this.#depth--;
    return value;
  }

  #dict(): ReadonlyMap<string, PythonValue> {
    const entries = new Map<string, PythonValue>();
    this.#items("}", () => {
      const start = this.#at;
      const key = this.#value();
      if (typeof key !== "string") return this.#fail("a key in quotes", start);
      if (entries.has(key)) return this.#fail(`no second key '${key}'`, start);
      this.#expect(":");
      entries.set(key, this.#value());
    });
    return entries;
  }

  #list(): PythonValue[] {
    const values: PythonValue[] = [];
    this.#items("]", () => values.push(this.#value()));
    return values;
  }

  /** `(3)` is a number in brackets; only a comma makes a tuple. */
  #tuple(): PythonValue {
    const values: PythonValue[] = [];
    const hasComma = this.#items(")", () => values.push(this.#value()));
    const [only] = values;
    return only !== undefined && !hasComma ? only : { tuple: values };
  }

  /** Items with commas between them, one more allowed at the end; tells whether there was a comma. */
  #items(close: string, readItem: () => void): boolean {
    let hasComma = false;
    while (!this.#take(close)) {
      readItem();
      if (this.#take(",")) hasComma = true;
      else if (this.#peek() !== close) this.#fail(`, or ${close}`);
    }
    return hasComma;
  }

  #string(quote: string): string {
    const end = this.#text.indexOf(quote, this.#at + 1);
    if (end < 0) return this.#fail(`a closing ${quote}`, this.#text.length);
    const body = this.#text.slice(this.#at + 1, end);
    const escape = body.indexOf("\\");
    if (escape >= 0) return this.#fail("a string without a backslash", this.#at + 1 + escape);
    this.#at = end + 1;
    return body;
  }

  /** Python 2 wrote long integers as `10L`. */
  #integer(): number {
    const digits = /^-?[0-9]+/.exec(this.#text.slice(this.#at, this.#at + 40))?.[0] ?? "";
    const value = Number(digits);
    if (digits === "" || !Number.isSafeInteger(value)) return this.#fail("an integer below 2^53");
    this.#at += digits.length;
    if (this.#text[this.#at] === "L") this.#at++;
    return value;
  }

  #name(): boolean | null {
    for (const [word, value] of [
      ["True", true],
      ["False", false],
      ["None", null],
    ] as const) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    return this.#fail("a value");
  }

  #skipSpace(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #peek(): string | undefined {
    this.#skipSpace();
    return this.#text[this.#at];
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#take(character)) this.#fail(character);
  }

  #fail(wanted: string, at: number = this.#at): never {
    const found =
      at < this.#text.length ? JSON.stringify(this.#text.slice(at, at + 12)) : "the end of the header";
    const place = `${this.#source.name}, byte ${this.#source.offset + at}`;
    throw new UsageError(
      "JR704",
      `${place}: the header is not a Python literal: expected ${wanted}, found ${found}`,
    );
  }
}
