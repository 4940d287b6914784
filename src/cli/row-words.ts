/**
 * The words of a command line that name row files: `rows.npy`, or `x=rows_x.npy u=rows_u.npy`.
 *
 * In: words and the model's inputs. Out: one file per input, in the model's order; for a plain function in the order and
 * arrangement of the words. Always: a name that the model does not have, or an input without a file, is an error.
 */

import { existsSync } from "node:fs";
import { UsageError } from "../errors.ts";
import { showShape } from "../ir/shape.ts";
import { nearest } from "../trace/nearest.ts";
import type { InputSpec } from "../trace/trace.ts";
import type { Model } from "./model.ts";

/** A word: a path, and the input it was given for. */
export interface RowWord {
  readonly name: string | undefined;
  readonly path: string;
}

/** A file for an input. */
export interface InputFile {
  readonly name: string;
  readonly path: string;
  /** The model's own idea of the input; undefined for a plain function. */
  readonly spec: InputSpec | undefined;
}

/** Takes a word apart; a file whose own name has "=" in it stays a path. */
export function rowWord(word: string): RowWord {
  const [, name, path] = /^([^=]+)=(.+)$/s.exec(word) ?? [];
  if (name === undefined || path === undefined || existsSync(word)) return { name: undefined, path: word };
  return { name, path };
}

/** Which file is which input's. */
export function inputFiles(model: Model, words: readonly string[]): readonly InputFile[] {
  const given = words.map(rowWord);
  const named = given.filter(({ name }) => name !== undefined);
  if (named.length > 0 && named.length < given.length) {
    throw new UsageError("JR605", "either every rows file is named (x=rows_x.npy u=rows_u.npy), or none is");
  }
  const doubled = given.find(
    ({ name }, index) => name !== undefined && given.findIndex((one) => one.name === name) !== index,
  );
  if (doubled !== undefined) throw new UsageError("JR605", `${doubled.name} is given twice`);
  if (given.filter(({ path }) => path === "-").length > 1) {
    throw new UsageError("JR605", "standard input (-) can hold the rows of one input only");
  }
  return model.inputs === undefined ? ofFunction(given) : ofModel(model.name, model.inputs, given);
}

function ofFunction(given: readonly RowWord[]): InputFile[] {
  return given.map(({ name, path }, index) => ({
    name: name ?? (given.length === 1 ? "x" : `x${index}`),
    path,
    spec: undefined,
  }));
}

function ofModel(model: string, inputs: readonly InputSpec[], given: readonly RowWord[]): InputFile[] {
  const wanted = inputs.map(({ name, shape }) => `${name} ${showShape(shape)}`).join(", ");
  const unknown = given.find(
    ({ name }) => name !== undefined && inputs.every((input) => input.name !== name),
  );
  if (unknown?.name !== undefined) {
    const guess = nearest(
      unknown.name,
      inputs.map(({ name }) => name),
    );
    const advice = guess === undefined ? "" : `; did you mean ${guess}?`;
    throw new UsageError("JR605", `${model} has no input ${unknown.name}; it has ${wanted}${advice}`);
  }
  const example = inputs.map(({ name }) => `${name}=FILE`).join(" ");
  if (given.length !== inputs.length) {
    throw new UsageError("JR605", `${model} takes ${wanted}; give one rows file for each: ${example}`);
  }
  return inputs.map((spec, index) => {
    const word = given.find(({ name }) => name === spec.name) ?? given[index];
    return { name: spec.name, path: word?.path ?? "", spec };
  });
}
