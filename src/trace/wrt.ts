/**
 * Which arguments a derivative is taken with respect to, and how results for several of them are arranged.
 *
 * One argument alone stands bare; several positional ones make an array, several named ones an object.
 */

import { UsageError } from "../errors.ts";
import { at } from "../ir/shape.ts";
import type { Structure } from "./structure.ts";
import type { InputSpec, Signature } from "./trace.ts";

/** An argument's name or position, or several. */
export type Wrt = string | number | readonly (string | number)[];

/** The chosen inputs and the arrangement of their results (leaf i belongs to chosen input i). */
export interface Chosen {
  readonly inputs: readonly number[];
  readonly structure: Structure;
}

/** Resolves `wrt`; by default every input of the row. */
export function chooseInputs(what: string, { inputs, structure }: Signature, wrt?: Wrt): Chosen {
  const asked =
    wrt === undefined ? defaultInputs(inputs) : [wrt].flat().map((one) => indexOf(what, inputs, one));
  if (asked.length === 0) {
    throw new UsageError("JR344", `${what}: no argument depends on the row; name one with wrt`);
  }
  if (asked.length === 1) return { inputs: asked, structure: { kind: "leaf", index: 0 } };
  const positional = structure.kind === "array" && structure.items.every((item) => item.kind === "leaf");
  const leaves = asked.map((_, index): Structure => ({ kind: "leaf", index }));
  if (positional) return { inputs: asked, structure: { kind: "array", items: leaves } };
  const entries = asked.map((input, index): [string, Structure] => [
    at(inputs, input).name,
    at(leaves, index),
  ]);
  return { inputs: asked, structure: { kind: "object", entries } };
}

function defaultInputs(inputs: readonly InputSpec[]): number[] {
  return inputs.flatMap(({ level }, index) => (level === "row" ? [index] : []));
}

function indexOf(what: string, inputs: readonly InputSpec[], one: string | number): number {
  const index = typeof one === "number" ? one : inputs.findIndex(({ name }) => name === one);
  if (inputs[index] !== undefined) return index;
  const names = inputs.map(({ name }) => name).join(", ");
  throw new UsageError(
    "JR345",
    `${what} has no argument ${one}; it has ${names || "none"} (${inputs.length < 2 ? "position 0" : `positions 0 to ${inputs.length - 1}`})`,
  );
}
