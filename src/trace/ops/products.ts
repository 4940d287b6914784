/** Products of several values: matmul, dot, outer, cross and einsum, all as two-operand contractions. */

import { UsageError } from "../../errors.ts";
import type { Builder } from "../../ir/builder.ts";
import { at, range, showShape } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import { diagonal, roll, transpose } from "./movement.ts";

/** numpy's `@`; scalars are refused by name. */
export function matmul(b: Builder, x: Node, y: Node): Node {
  if (x.shape.length === 0 || y.shape.length === 0) {
    throw new UsageError(
      "JR330",
      `matmul of shapes ${showShape(x.shape)} and ${showShape(y.shape)}: use mul for scalars`,
    );
  }
  const [inner, other] = [x.shape.at(-1), y.shape.at(-2) ?? y.shape.at(-1)];
  if (inner === other) return b.matmul(x, y);
  throw new UsageError(
    "JR331",
    `matmul: the last axis of ${showShape(x.shape)} does not meet ${showShape(y.shape)}${place(b)}`,
  );
}

function place(b: Builder): string {
  return b.origin === undefined ? "" : ` (at ${b.origin.name})`;
}

/** x[i] · y[j] over all axes of both. */
export function outer(b: Builder, x: Node, y: Node): Node {
  const [m, n] = [x.shape.length, y.shape.length];
  const labels = range(m + n);
  return b.contract(x, y, { a: labels.slice(0, m), b: labels.slice(m), out: labels });
}

/** The cross product of three-vectors along the last axis. */
export function cross(b: Builder, x: Node, y: Node): Node {
  if (x.shape.at(-1) !== 3 || y.shape.at(-1) !== 3) {
    throw new UsageError(
      "JR332",
      `cross takes 3-vectors, got ${showShape(x.shape)} and ${showShape(y.shape)}`,
    );
  }
  const turn = (node: Node, shift: number): Node => roll(b, node, { shift, axis: -1 });
  return b.sub(b.mul(turn(x, -1), turn(y, -2)), b.mul(turn(x, -2), turn(y, -1)));
}

/** A value whose axes carry letters. */
interface Labelled {
  readonly node: Node;
  readonly letters: string;
}

/** `einsum("ij,j->i", A, x)` for any number of operands, multiplied from the left. */
export function einsum(b: Builder, formula: string, nodes: readonly Node[]): Node {
  const { inputs, output } = parseFormula(formula, nodes);
  let terms = inputs.map((letters, index) => withoutRepeats(b, { letters, node: at(nodes, index) }));
  while (terms.length > 1) {
    const [first, second, ...rest] = terms as [Labelled, Labelled, ...Labelled[]];
    const wanted = output + rest.map((term) => term.letters).join("");
    terms = [pairwise(b, [first, second], wanted), ...rest];
  }
  const last = summed(b, at(terms, 0), output);
  return transpose(
    b,
    last.node,
    Array.from(output).map((letter) => last.letters.indexOf(letter)),
  );
}

function parseFormula(formula: string, nodes: readonly Node[]): { inputs: string[]; output: string } {
  const [left = "", right] = formula.replaceAll(" ", "").split("->");
  const inputs = left.split(",");
  const letters = inputs.join("");
  const once = [...new Set(letters)].filter((letter) => letters.split(letter).length === 2);
  const output = right ?? once.sort().join("");
  const fits =
    inputs.length === nodes.length &&
    inputs.every((input, index) => input.length === at(nodes, index).shape.length);
  const legal =
    /^[a-zA-Z]*$/.test(letters + output) && Array.from(output).every((letter) => letters.includes(letter));
  if (!fits || !legal || new Set(output).size !== output.length) {
    const shapes = nodes.map((node) => showShape(node.shape)).join(", ");
    throw new UsageError("JR333", `einsum "${formula}" does not fit operands of shapes ${shapes}`);
  }
  return { inputs, output };
}

/** "iij" becomes "ij" by taking diagonals. */
function withoutRepeats(b: Builder, { node, letters }: Labelled): Labelled {
  const again = Array.from(letters).findIndex((letter, index) => letters.indexOf(letter) < index);
  if (again < 0) return { node, letters };
  const letter = at(Array.from(letters), again);
  const first = letters.indexOf(letter);
  if (node.shape[first] !== node.shape[again]) {
    throw new UsageError("JR333", `einsum: ${letter} is both ${node.shape[first]} and ${node.shape[again]}`);
  }
  const others = range(letters.length).filter((axis) => axis !== first && axis !== again);
  const last = b.transpose(node, [...others, first, again]);
  const kept = others.map((axis) => letters[axis]).join("");
  return withoutRepeats(b, { node: diagonal(b, last), letters: kept + letter });
}

/** Letters that nothing wants any more are summed away. */
function summed(b: Builder, { node, letters }: Labelled, wanted: string): Labelled {
  const gone = range(letters.length).filter((axis) => !wanted.includes(at(Array.from(letters), axis)));
  if (gone.length === 0) return { node, letters };
  return {
    node: b.sum(node, gone),
    letters: Array.from(letters)
      .filter((letter) => wanted.includes(letter))
      .join(""),
  };
}

function pairwise(b: Builder, [first, second]: readonly [Labelled, Labelled], wanted: string): Labelled {
  const x = summed(b, first, wanted + second.letters);
  const y = summed(b, second, wanted + first.letters);
  const all = [...new Set(x.letters + y.letters)];
  const letters = all.filter((letter) => wanted.includes(letter));
  const label = (letter: string): number => all.indexOf(letter);
  const node = b.contract(x.node, y.node, {
    a: Array.from(x.letters).map(label),
    b: Array.from(y.letters).map(label),
    out: letters.map(label),
  });
  return { node, letters: letters.join("") };
}
