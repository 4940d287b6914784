/**
 * Einsum of any number of operands, multiplied from the left two at a time.
 *
 * Letters become labels; "..." stands for aligned leading axes; a letter that occurs twice in one operand takes its
 * diagonal; a missing result lists the letters that occur once, in alphabetical order.
 */

import { at, range } from "../../ir/shape.ts";
import type { Call } from "../call.ts";
import { contraction, type Operand } from "../contraction.ts";
import { layout, plain } from "../layout.ts";
import { full, transposed } from "../movement.ts";
import type { Value } from "../value.ts";

/** The sum of products that the equation writes. */
export function einsum(call: Call): Value {
  const { terms, result } = parse(call);
  const operands = call.given.map((value, index) =>
    withoutRepeats(call, { value, labels: at(terms, index) }),
  );
  let product = at(operands, 0);
  for (let index = 1; index < operands.length; index++) {
    const later = new Set([...result, ...operands.slice(index + 1).flatMap(({ labels }) => labels)]);
    const next = at(operands, index);
    const last = index === operands.length - 1;
    const labels = last
      ? result
      : [...new Set([...product.labels, ...next.labels])].filter((label) => later.has(label));
    product = { value: contraction(call, [product, next], labels), labels };
  }
  if (operands.length > 1) return product.value;
  const one = { value: call.known([1], [], "float32"), labels: [] };
  return contraction(call, [product, one], result);
}

interface Equation {
  readonly terms: readonly (readonly number[])[];
  readonly result: readonly number[];
}

const ELLIPSIS_LABELS = 1000;

function parse(call: Call): Equation {
  const text = call.text("equation", "").replaceAll(" ", "");
  const [left = "", right] = text.split("->");
  const written = left.split(",");
  if (written.length !== call.given.length)
    call.malformed(`the equation "${text}" does not fit ${call.given.length} operands.`);
  const extra = written.map((term, index) => at(call.given, index).rank - letters(term).length);
  const most = Math.max(0, ...extra.filter((_, index) => at(written, index).includes("...")));
  const labelled = (term: string, count: number): number[] =>
    labelsOf(
      term,
      range(most)
        .slice(most - count)
        .map((k) => ELLIPSIS_LABELS + k),
    );
  const terms = written.map((term, index) => {
    const count = at(extra, index);
    if (count < 0 || (count > 0 && !term.includes("...")))
      call.malformed(`the term "${term}" does not fit an operand of rank ${at(call.given, index).rank}.`);
    return labelled(term, count);
  });
  return { terms, result: right === undefined ? implied(written, most) : labelled(right, most) };
}

const letters = (term: string): string[] => Array.from(term.replace("...", ""));

function labelsOf(term: string, ellipsis: readonly number[]): number[] {
  const [before = "", after = ""] = term.split("...");
  const codes = (part: string): number[] => Array.from(part, (letter) => letter.charCodeAt(0));
  return [...codes(before), ...(term.includes("...") ? ellipsis : []), ...codes(after)];
}

function implied(written: readonly string[], ellipsis: number): number[] {
  const all = written.flatMap(letters);
  const once = all.filter((letter) => all.filter((other) => other === letter).length === 1).sort();
  return [...range(ellipsis).map((k) => ELLIPSIS_LABELS + k), ...once.map((letter) => letter.charCodeAt(0))];
}

/** Takes diagonals until no label occurs twice. */
function withoutRepeats(call: Call, { value, labels }: Operand): Operand {
  const second = labels.findIndex((label, axis) => labels.indexOf(label) < axis);
  if (second < 0) return { value, labels };
  const first = labels.indexOf(at(labels, second));
  const { sizes, batch } = value.layout;
  if (batch !== undefined && (batch.axis === first || batch.axis === second))
    call.mixes("it takes the diagonal of rows and another axis");
  const rest = range(sizes.length).filter((axis) => axis !== first && axis !== second);
  const size = at(sizes, first);
  const others = rest.map((axis) => at(sizes, axis));
  const flat = call.b.reshape(transposed(call.b, full(call.b, value), [...rest, first, second]), [
    ...others,
    size * size,
  ]);
  const diagonal = call.b.slice(flat, {
    starts: [...others.map(() => 0), 0],
    steps: [...others.map(() => 1), size + 1],
    shape: [...others, size],
  });
  const place = batch && { ...batch, axis: rest.indexOf(batch.axis) };
  const taken = call.value(
    diagonal,
    place === undefined ? plain([...others, size]) : layout([...others, size], place),
    value.dtype,
  );
  return withoutRepeats(call, {
    value: taken,
    labels: [...rest.map((axis) => at(labels, axis)), at(labels, first)],
  });
}
