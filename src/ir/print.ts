/**
 * Programs as short, stable text: the format of snapshots and of `parse`.
 *
 *     program @1 twice(x: row f[3]):
 *       %0:f[3] = add x, x
 *       return y=%0
 *     program main(x: row f[3], w: bound f[2,3]):
 *       %0:f[3] = call @1 twice() x
 *       %1:f[2] = contract %0, w labels=a,ba->b
 *       return y=%1
 *
 * Nested programs come first, once each. Origins and derivative rules are not printed. Constants of more than 16
 * numbers are a content hash, unless all are asked for.
 */

import { nodesOf, operandsOf } from "./graph.ts";
import {
  attributeNames,
  contentHash,
  showFloat32,
  showLabels,
  showName,
  showNumber,
  showType,
} from "./text.ts";
import type { Callee, ConstantNode, InputNode, Node, Program } from "./types.ts";
import { programsIn } from "./verify.ts";

/** `constants: "all"` prints every number, so that `parse` gives the program back. */
export interface PrintOptions {
  readonly constants?: "all" | "short";
}

const MOST_NUMBERS = 16;

/** The program's text. */
export function print(program: Program, options: PrintOptions = {}): string {
  const numbers = new Map<Program, number>();
  const texts = nestedFirst(program).map((part) => {
    if (part !== program) numbers.set(part, numbers.size + 1);
    return printOne(part, { numbers, options });
  });
  return `${texts.join("\n")}\n`;
}

interface Context {
  readonly numbers: ReadonlyMap<Program, number>;
  readonly options: PrintOptions;
}

/** The programs inside a program, innermost first, then the program itself. */
function nestedFirst(program: Program): Program[] {
  const done = new Set<Program>();
  const visit = (part: Program): void => {
    for (const inner of nodesOf(part).flatMap((node) => programsIn(node))) if (!done.has(inner)) visit(inner);
    done.add(part);
  };
  visit(program);
  return [...done];
}

function printOne(program: Program, context: Context): string {
  const names = new Map<Node, string>();
  for (const input of program.inputs) names.set(input, showName(input.name));
  const lines = nodesOf(program)
    .filter((node) => node.op !== "input")
    .map((node, index) => {
      names.set(node, `%${index}`);
      return `  %${index}:${showType(node)} = ${showNode(node, names, context)}`;
    });
  const number = context.numbers.get(program);
  const reference = number === undefined ? "" : `@${number} `;
  const outputs = program.outputs.map(({ name, value }) => `${showName(name)}=${names.get(value)}`);
  return [
    `program ${reference}${showName(program.name)}(${program.inputs.map(showInput).join(", ")}):`,
    ...lines,
    `  return ${outputs.join(", ")}`.trimEnd(),
  ].join("\n");
}

function showInput(input: InputNode): string {
  return `${showName(input.name)}: ${input.level} ${showType(input)}`;
}

function showNode(node: Node, names: ReadonlyMap<Node, string>, context: Context): string {
  if (node.op === "constant") return `constant ${showConstant(node, context.options)}`;
  const operands = operandsOf(node).map((operand) => names.get(operand));
  return [node.op, showProgram(node, context), operands.join(", "), showAttributes(node)]
    .filter((word) => word !== "")
    .join(" ");
}

function showProgram(node: Node, { numbers }: Context): string {
  const reference = programsIn(node).map((program) => `@${numbers.get(program)}`);
  return [...reference, ...(node.op === "call" ? [showCallee(node.callee)] : [])].join(" ");
}

/** `leakyRelu(slope=0.01)`. */
export function showCallee({ name, attributes }: Pick<Callee, "name" | "attributes">): string {
  const pairs = Object.entries(attributes).map(([key, value]) => `${showName(key)}=${showNumber(value)}`);
  return `${showName(name)}(${pairs.join(", ")})`;
}

function showAttributes(node: Node): string {
  if (node.op === "contract") {
    return `labels=${showLabels(node.aLabels)},${showLabels(node.bLabels)}->${showLabels(node.outLabels)}`;
  }
  if (node.op === "scan")
    return `steps=${node.steps} carries=${node.carries.length} perStep=${node.perStep.length}`;
  const fields = node as unknown as Readonly<Record<string, number | readonly number[]>>;
  return (attributeNames[node.op] ?? [])
    .map((key) => {
      const value = fields[key] as number | readonly number[];
      return `${key}=${typeof value === "number" ? value : `[${value}]`}`;
    })
    .join(" ");
}

/** `0.5` (the same everywhere), `[1, 2]`, `f32[0.1, 0.2]` or `[#a1b2…]`. */
function showConstant({ values }: ConstantNode, options: PrintOptions): string {
  const single = values instanceof Float32Array;
  const width = single ? "f32" : "";
  if (options.constants !== "all" && values.length > MOST_NUMBERS) return `${width}[#${contentHash(values)}]`;
  const texts = Array.from(values, single ? showFloat32 : showNumber).join(", ");
  return values.length === 1 && !single ? texts : `${width}[${texts}]`;
}
