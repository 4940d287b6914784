/**
 * `--outputs` and `--wrt`: parts of what a model computes, by name.
 *
 * In: a program and words such as `logits`, `logits[0:3]` or, where there is one output, `3`. Out: a program with those
 * outputs only. Always: chosen entries stay an axis, so one class of ten gives Z of shape (n, 1, d_i).
 */

import type { RowRange } from "../data/read-file.ts";
import { UsageError } from "../errors.ts";
import { Builder } from "../ir/builder.ts";
import { inline, programOf, rebuild } from "../ir/graph.ts";
import { at, showShape } from "../ir/shape.ts";
import type { InputNode, Node, Output, Program } from "../ir/types.ts";
import { nearest } from "../trace/nearest.ts";
import { pythonRange } from "./range.ts";

interface Choice {
  readonly output: number;
  readonly entries: readonly RowRange[];
}

/** The program with the chosen outputs; the program itself without a choice. */
export function withOutputs(program: Program, words: readonly string[] | undefined): Program {
  if (words === undefined) return program;
  const choices = joined(words.map((word) => choiceOf(program, word)));
  const b = new Builder();
  const inputs = program.inputs.map((input) => rebuild(b, input, []) as InputNode);
  const values = inline(b, program, inputs);
  const outputs = choices.map(({ output, entries }): Output => {
    const value = at(values, output);
    return {
      name: at(program.outputs, output).name,
      value: entries.length === 0 ? value : entriesOf(b, value, entries),
    };
  });
  return programOf(program.name, inputs, outputs);
}

/** Positions of the inputs to differentiate by: those named, else every input that has rows. */
export function chosenInputs(program: Program, words: readonly string[] | undefined): number[] {
  if (words === undefined)
    return program.inputs.flatMap(({ level }, index) => (level === "row" ? [index] : []));
  return words.map((word) => {
    const index = program.inputs.findIndex(({ name }) => name === word);
    if (index < 0) throw unknownName(program, "input", word);
    return index;
  });
}

function choiceOf(program: Program, word: string): Choice {
  const [only] = program.outputs;
  const named = program.outputs.findIndex(({ name }) => name === word);
  if (named >= 0) return { output: named, entries: [] };
  if (program.outputs.length === 1 && only !== undefined && /^[-\d:]+$/.test(word)) {
    return { output: 0, entries: [entryRange(only, word)] };
  }
  const [, name = "", inside] = /^(.*)\[([^\]]*)\]$/s.exec(word) ?? [];
  const output = program.outputs.findIndex((one) => one.name === name);
  if (inside === undefined || output < 0) throw unknownName(program, "output", word);
  return { output, entries: inside.split(",").map((text) => entryRange(at(program.outputs, output), text)) };
}

function entryRange({ name, value }: Output, text: string): RowRange {
  const length = value.shape[0];
  if (length === undefined)
    throw new UsageError("JR608", `output ${name} is a single number; it has no entries to choose`);
  const range = pythonRange(text, length);
  if (range !== undefined && range.start >= 0 && range.start < range.end && range.end <= length) return range;
  throw new UsageError(
    "JR608",
    `--outputs ${text}: output ${name} has shape ${showShape(value.shape)}, entries 0 to ${length - 1}`,
  );
}

/** Several words about one output are one choice. */
function joined(choices: readonly Choice[]): Choice[] {
  const merged = new Map<number, Choice>();
  for (const choice of choices) {
    const before = merged.get(choice.output);
    merged.set(
      choice.output,
      before === undefined ? choice : { ...choice, entries: [...before.entries, ...choice.entries] },
    );
  }
  return [...merged.values()];
}

function entriesOf(b: Builder, value: Node, entries: readonly RowRange[]): Node {
  const parts = entries.map(({ start, end }) => b.part(value, { axis: 0, start, count: end - start }));
  return parts.length === 1 ? at(parts, 0) : b.concat(parts, 0);
}

function unknownName(program: Program, kind: "input" | "output", word: string): UsageError {
  const names = (kind === "input" ? program.inputs : program.outputs).map(({ name }) => name);
  const guess = nearest(word, names);
  const advice = guess === undefined ? "" : `; did you mean ${guess}?`;
  return new UsageError("JR608", `the model has no ${kind} ${word}; it has ${names.join(", ")}${advice}`);
}
