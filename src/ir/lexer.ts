/** Reads the words of one line from left to right; every failure is a `UsageError` that names line and column. */

import { UsageError } from "../errors.ts";

/** A line being read. */
export class Lexer {
  readonly #line: string;
  readonly #number: number;
  #position = 0;

  constructor(line: string, number: number) {
    this.#line = line;
    this.#number = number;
    this.#skipSpace();
  }

  /** Is the whole line read? */
  done(): boolean {
    return this.#position >= this.#line.length;
  }

  /** Does `pattern` match here? */
  sees(pattern: RegExp): boolean {
    return this.#match(pattern) !== undefined;
  }

  /** Reads `pattern` if it is here. */
  take(pattern: RegExp): string | undefined {
    const word = this.#match(pattern);
    if (word === undefined) return undefined;
    this.#position += word.length;
    this.#skipSpace();
    return word;
  }

  /** Reads `pattern`, which must be here; `what` says so in people's words. */
  need(pattern: RegExp, what: string): string {
    return this.take(pattern) ?? this.fail(`expected ${what}`);
  }

  /** Reads a bare or quoted name. */
  name(): string {
    const word = this.need(/[A-Za-z_][\w.]*|"(?:[^"\\]|\\.)*"/, "a name");
    return word.startsWith('"') ? this.explain(() => JSON.parse(word) as string) : word;
  }

  /** Reads a number as JavaScript prints it. */
  number(): number {
    return Number(this.need(/NaN|-?Infinity|-?\d+(\.\d+)?(e[+-]?\d+)?/, "a number"));
  }

  /** Reads items between brackets, separated by commas. */
  list<T>([open, close]: Brackets, item: () => T): T[] {
    this.need(open, `${open.source}`);
    const items: T[] = [];
    while (this.take(close) === undefined) {
      if (items.length > 0) this.need(/,/, "a comma");
      items.push(item());
    }
    return items;
  }

  /** Runs `make`, and says where its error came from. */
  explain<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      return this.fail(error instanceof Error ? error.message : String(error));
    }
  }

  /** Refuses the line. */
  fail(why: string): never {
    throw new UsageError("JR204", `line ${this.#number}, column ${this.#position + 1}: ${why}`);
  }

  #match(pattern: RegExp): string | undefined {
    const sticky = new RegExp(pattern, "y");
    sticky.lastIndex = this.#position;
    return sticky.exec(this.#line)?.[0];
  }

  #skipSpace(): void {
    while (this.#line[this.#position] === " ") this.#position++;
  }
}

/** Opening and closing bracket of a list. */
export type Brackets = readonly [RegExp, RegExp];
/** `( … )`. */
export const ROUND: Brackets = [/\(/, /\)/];
/** `[ … ]`. */
export const SQUARE: Brackets = [/\[/, /\]/];
