/**
 * What a command is, and how its arguments are read.
 *
 * In: the words after the command's name and its table of options. Out: checked values by option name. Always: an unknown
 * option is answered with the nearest known one, and no value is silently ignored.
 */

import { parseArgs } from "node:util";
import { UsageError } from "../errors.ts";
import { nearest } from "../trace/nearest.ts";
import type { Terminal } from "./terminal.ts";

/** One option of a command; without a placeholder it is a flag. */
export interface OptionSpec {
  readonly name: string;
  readonly short?: string;
  readonly placeholder?: string;
  readonly help: string;
}

/** An example and what it shows. */
export interface Example {
  readonly line: string;
  readonly shows: string;
}

/** One command of the command line. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What follows the command's name. */
  readonly usage: string;
  /** What the command does and what the files look like, for its help. */
  readonly about: string;
  readonly options: readonly OptionSpec[];
  readonly examples: readonly Example[];
  /** How many words it takes besides options. */
  readonly words: { readonly least: number; readonly most: number };
  /** Runs it and gives the exit code. */
  run(args: Arguments, terminal: Terminal): Promise<number>;
}

/** A command's arguments. */
export class Arguments {
  readonly words: readonly string[];
  readonly #values: Readonly<Record<string, string | boolean | undefined>>;

  constructor(words: readonly string[], values: Readonly<Record<string, string | boolean | undefined>>) {
    this.words = words;
    this.#values = values;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === "string" ? value : undefined;
  }

  /** A value that separates its items by commas outside of brackets. */
  list(name: string): readonly string[] | undefined {
    const items = this.text(name)
      ?.split(/,(?![^[]*\])/)
      .map((item) => item.trim());
    if (items?.includes("")) throw badValue(name, this.text(name), "names separated by commas");
    return items;
  }

  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const chosen = choices.find((choice) => choice === value);
    if (chosen === undefined) throw badValue(name, value, choices.join(", "));
    return chosen;
  }

  /** A whole number of at least 1. */
  count(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (!/^\d{1,9}$/.test(value) || Number(value) < 1)
      throw badValue(name, value, "a whole number of at least 1");
    return Number(value);
  }

  /** A positive number. */
  number(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (value.trim() === "" || !(Number(value) > 0))
      throw badValue(name, value, "a number above 0, such as 0.5 or 1e-6");
    return Number(value);
  }
}

/** The error for an option's value that cannot be read. */
export function badValue(name: string, value: string | undefined, wanted: string): UsageError {
  return new UsageError("JR602", `--${name} takes ${wanted}; got "${value ?? ""}"`);
}

/** Reads the words after a command's name. */
export function parseArguments(command: Command, argv: readonly string[]): Arguments {
  const { values, positionals } = parsed(command, argv);
  const { least, most } = command.words;
  const usage = `usage: jacrow ${command.name} ${command.usage} (jacrow ${command.name} --help explains it)`;
  if (positionals.length < least)
    throw new UsageError("JR603", `${positionals.length === 0 ? "MODEL is" : "ROWS are"} missing; ${usage}`);
  if (positionals.length > most) {
    throw new UsageError("JR603", `${command.name} does not take "${positionals[most]}"; ${usage}`);
  }
  return new Arguments(positionals, values);
}

function parsed(
  command: Command,
  argv: readonly string[],
): { values: Record<string, string | boolean | undefined>; positionals: readonly string[] } {
  const options = Object.fromEntries(
    command.options.map(({ name, short, placeholder }) => [
      name,
      {
        type: placeholder === undefined ? ("boolean" as const) : ("string" as const),
        ...(short && { short }),
      },
    ]),
  );
  try {
    return parseArgs({ args: withNegatives(command, argv), options, allowPositionals: true, strict: true });
  } catch (error) {
    throw parseError(command, error);
  }
}

/** `--rows -5:` as `--rows=-5:`, for a value that begins with a minus looks like an option to node:util. */
function withNegatives({ options }: Command, argv: readonly string[]): string[] {
  const valued = new Set(options.flatMap(({ name, placeholder }) => (placeholder ? [`--${name}`] : [])));
  const end = argv.indexOf("--");
  return argv.reduce<string[]>((words, word, index) => {
    const before = words.at(-1) ?? "";
    const isValue = /^-\d/.test(word) && valued.has(before) && (end < 0 || index < end);
    return isValue ? [...words.slice(0, -1), `${before}=${word}`] : [...words, word];
  }, []);
}

/** node:util's errors in our words. */
function parseError(command: Command, error: unknown): unknown {
  if (!(error instanceof TypeError) || !("code" in error)) return error;
  const option = /'(-[^' ]*)/.exec(error.message)?.[1] ?? "";
  if (error.code !== "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    return new UsageError("JR602", error.message.split("\n")[0] ?? "", { cause: error });
  }
  const known = command.options.map(({ name }) => `--${name}`);
  const guess = nearest(option, known);
  const advice = guess === undefined ? `its options are ${known.join(", ")}` : `did you mean ${guess}?`;
  return new UsageError("JR601", `${command.name} has no option ${option}; ${advice}`, { cause: error });
}
