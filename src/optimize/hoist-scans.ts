/**
 * What is the same in every step of a loop, or known when weights are bound, is computed outside of it.
 *
 * In: a program. Out: an equal one, where a loop's body computes for each step only what its carries and the row's own per-step inputs
 * reach. Values of shared per-step inputs become per-step inputs themselves, made by a loop that runs once per bind.
 */

import { Builder } from "../ir/builder.ts";
import { derived, inline, mapProgram, nodesOf, operandsOf, programOf, rebuild } from "../ir/graph.ts";
import { at } from "../ir/shape.ts";
import type { InputNode, Node, Program, ScanNode } from "../ir/types.ts";

/** The program with loops as small as they get; the same object if it has none that run for each row. */
export function hoistScans(program: Program): Program {
  if (!nodesOf(program).some((node) => node.op === "scan" && node.level === "row")) return program;
  return mapProgram(program, (b, node, operands) => {
    const made = rebuild(b, node, operands);
    return made.op === "scan" && made.level === "row" ? new Hoist(b, made).scan() : made;
  });
}

/** When a body's value changes: never, with each bind, row, step of a shared input, or step. */
type When = "constant" | "bind" | "row" | "sharedStep" | "step";

const LATER: Readonly<Record<When, number>> = { constant: 0, bind: 1, row: 2, sharedStep: 2, step: 3 };

/** What one loop becomes. */
class Hoist {
  readonly #outer: Builder;
  readonly #scan: ScanNode;
  readonly #body: Program;
  readonly #when = new Map<Node, When>();
  /** Values of the body that are computed outside, by their node there. */
  readonly #outside = new Map<Node, Node>();
  readonly #inner = new Builder();
  readonly #inside = new Map<Node, Node>();
  readonly #perStep: { input: InputNode; operand: Node }[] = [];
  readonly #captured: { input: InputNode; operand: Node }[] = [];

  constructor(outer: Builder, scan: ScanNode) {
    this.#outer = outer;
    this.#scan = scan;
    this.#body = hoistScans(levelled(scan));
    const operands = operandsOf(scan);
    const { carries, perStep } = scan;
    this.#body.inputs.forEach((input, index) => {
      const { level } = at(operands, index);
      const varies = index < carries.length + perStep.length;
      if (index < carries.length) this.#when.set(input, "step");
      else if (varies) this.#when.set(input, level === "row" ? "step" : "sharedStep");
      else this.#when.set(input, level === "row" ? "row" : level === "constant" ? "constant" : "bind");
      if (!varies) this.#outside.set(input, at(operands, index));
    });
    for (const node of nodesOf(this.#body)) if (!this.#when.has(node)) this.#when.set(node, this.#join(node));
  }

  scan(): Node {
    const { carries, steps, perStep } = this.#scan;
    const inputs = this.#body.inputs.slice(0, carries.length).map((input, index) => {
      const carry = this.#inner.input(`carry ${index}`, input.shape, { cell: input.cell });
      this.#inside.set(input, carry);
      return carry;
    });
    this.#hoistSteps();
    perStep.forEach((operand, index) => {
      const input = at(this.#body.inputs, carries.length + index);
      if (!this.#inside.has(input)) this.#inside.set(input, this.#stepInput(input, operand));
    });
    const outputs = this.#body.outputs.map(({ name, value }) => ({ name, value: this.#copy(value) }));
    const entering = [...this.#perStep, ...this.#captured].map(({ input }) => input);
    const body = programOf(this.#body.name, [...inputs, ...entering], outputs);
    return this.#outer.scanNode(body, steps, {
      carries,
      perStep: this.#perStep.map(({ operand }) => operand),
      captured: this.#captured.map(({ operand }) => operand),
    });
  }

  #join(node: Node): When {
    return operandsOf(node).reduce<When>(
      (latest, operand) => {
        const own = this.#when.get(operand) as When;
        if (own !== latest && LATER[own] === LATER[latest] && LATER[own] === 2) return "step";
        return LATER[own] > LATER[latest] ? own : latest;
      },
      node.level === "constant" ? "constant" : node.op === "constant" ? "bind" : "constant",
    );
  }

  /** Everything that changes with shared per-step inputs alone, by a loop of its own. */
  #hoistSteps(): void {
    const values = this.#readBy("sharedStep").filter(({ op }) => op !== "input" && op !== "scan");
    if (values.length === 0) return;
    const { steps, carries, perStep } = this.#scan;
    const shared = this.#body.inputs.flatMap((input, index) => {
      const when = this.#when.get(input);
      return when === "sharedStep" || when === "bind" || when === "constant" ? [{ input, index }] : [];
    });
    const isStep = ({ index }: { index: number }): boolean => index < carries.length + perStep.length;
    const body = programOf(
      `${this.#body.name}, shared`,
      shared.map(({ input }) => input),
      values.map((value, index) => ({ name: `${index}`, value })),
    );
    const operands = operandsOf(this.#scan);
    const of = (list: typeof shared): Node[] => list.map(({ index }) => at(operands, index));
    const stacks = this.#outer.scan(body, steps, {
      carries: [],
      perStep: of(shared.filter(isStep)),
      captured: of(shared.filter((each) => !isStep(each))),
    });
    values.forEach((value, index) => {
      this.#inside.set(value, this.#stepInput(value, at(stacks, index)));
    });
  }

  /** Values of one kind that values of another, or the outputs, read. */
  #readBy(when: When): Node[] {
    const found = new Set<Node>();
    for (const node of nodesOf(this.#body)) {
      if (this.#when.get(node) === when) continue;
      for (const operand of operandsOf(node)) if (this.#when.get(operand) === when) found.add(operand);
    }
    for (const { value } of this.#body.outputs) if (this.#when.get(value) === when) found.add(value);
    return [...found];
  }

  #stepInput(like: Node, operand: Node): Node {
    const level = operand.level === "row" ? "row" : "bound";
    const input = this.#inner.input(`step ${this.#perStep.length}`, like.shape, { cell: like.cell, level });
    this.#perStep.push({ input, operand });
    return input;
  }

  /** A value of the body in the new one: copied, or captured where it is the same in every step. */
  #copy(root: Node): Node {
    return derived(root, this.#inside, {
      needs: (node) => (this.#isCopied(node) ? operandsOf(node) : []),
      make: (node) => this.#made(node),
    });
  }

  #isCopied(node: Node): boolean {
    if (this.#inside.has(node) || node.op === "input") return false;
    const when = this.#when.get(node) as When;
    return when === "step" || when === "sharedStep" || isSelfContained(node);
  }

  #made(node: Node): Node {
    if (this.#isCopied(node))
      return rebuild(
        this.#inner,
        node,
        operandsOf(node).map((each) => this.#inside.get(each) as Node),
      );
    const operand = this.#outsideOf(node);
    if (operand.level === "constant") {
      const program = programOf("constant", [], [{ name: "value", value: operand }]);
      return at(inline(this.#inner, program, []), 0);
    }
    const level = operand.level === "row" ? "row" : "bound";
    const name = `captured ${this.#captured.length}`;
    const input = this.#inner.input(name, node.shape, { cell: node.cell, level });
    this.#captured.push({ input, operand });
    return input;
  }

  /** A value that is the same in every step, computed outside. */
  #outsideOf(root: Node): Node {
    const copied = (node: Node): Node =>
      rebuild(
        this.#outer,
        node,
        operandsOf(node).map((operand) => this.#outside.get(operand) as Node),
      );
    return derived(root, this.#outside, { needs: operandsOf, make: copied });
  }
}

/** The body with inputs of their operands' levels: loops inside of it are made of what is known then. */
function levelled(scan: ScanNode): Program {
  const { body, carries, perStep } = scan;
  const operands = operandsOf(scan);
  const b = new Builder();
  const inputs = body.inputs.map(({ name, shape, cell }, index) => {
    const isRow = index < carries.length || at(operands, index).level === "row";
    return b.input(name, shape, { cell, level: isRow ? "row" : "bound" });
  });
  if (inputs.every(({ level }, index) => level === at(body.inputs, index).level)) return body;
  const given = inputs.map((input, index) => {
    const operand = at(operands, index);
    if (operand.level !== "constant" || index < carries.length + perStep.length) return input;
    return at(inline(b, programOf("constant", [], [{ name: "value", value: operand }]), []), 0);
  });
  const values = inline(b, body, given);
  const outputs = body.outputs.map(({ name }, index) => ({ name, value: at(values, index) }));
  return programOf(body.name, inputs, outputs);
}

/** Numbers that need nothing from outside. */
function isSelfContained({ op }: Node): boolean {
  return op === "constant" || op === "iota";
}
