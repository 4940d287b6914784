/**
 * Text as `print` writes it, back to a program.
 *
 * In: text, and where callees' rules come from. Out: the last program of the text, made node by node without identities,
 * so `print(parse(text)) === text`. Text that is not a program is a `UsageError` that names the line.
 */

import { UsageError } from "../errors.ts";
import { Builder } from "./builder.ts";
import { programOf } from "./graph.ts";
import { allAlike, showNodes } from "./infer.ts";
import { Lexer, ROUND, SQUARE } from "./lexer.ts";
import { showCallee } from "./print.ts";
import { isOp, rebuild } from "./rebuild.ts";
import { cellLetters, readLabels } from "./text.ts";
import type { Callee, Cell, DerivativeRule, InputNode, Node, Output, Program, Shape } from "./types.ts";

/** Finds the derivative rule of a callee that was printed without it. */
export type RuleRegistry = (callee: Callee) => DerivativeRule | undefined;

/** What earlier programs of a text defined, by how the text refers to it. */
interface Known {
  readonly programs: Map<string, Program>;
  readonly callees: Map<string, Callee>;
  readonly rules: RuleRegistry;
}

/** One program under way. */
interface Scope {
  readonly builder: Builder;
  readonly name: string;
  readonly reference: string | undefined;
  readonly inputs: readonly InputNode[];
  readonly nodes: Map<string, Node>;
}

/** The program a text describes. */
export function parse(text: string, rules: RuleRegistry = () => undefined): Program {
  const known: Known = { programs: new Map(), callees: new Map(), rules };
  let scope: Scope | undefined;
  let last: Program | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const lexer = new Lexer(line, index + 1);
    if (lexer.done()) continue;
    if (scope === undefined) scope = parseHeader(lexer);
    else if (lexer.take(/return\b/) === undefined) parseNode(lexer, scope, known);
    else {
      last = finish(lexer, scope);
      if (scope.reference !== undefined) known.programs.set(scope.reference, last);
      scope = undefined;
    }
    if (!lexer.done()) lexer.fail("expected the end of the line");
  }
  if (last === undefined || scope !== undefined)
    throw new UsageError("JR204", "the text ends before a program's return");
  return last;
}

/** `program @1 name(x: row f[3]):`. */
function parseHeader(lexer: Lexer): Scope {
  const builder = new Builder({ identities: false });
  lexer.need(/program\b/, "program");
  const reference = lexer.take(/@\d+/);
  const name = lexer.name();
  const inputs = lexer.list(ROUND, () => {
    const own = lexer.name();
    lexer.need(/:/, "a colon");
    const level = lexer.need(/row\b|bound\b/, "row or bound") === "row" ? "row" : "bound";
    const { shape, cell } = parseType(lexer);
    return builder.input(own, shape, { level, cell });
  });
  lexer.need(/:/, "a colon");
  return {
    builder,
    name,
    reference,
    inputs,
    nodes: new Map(inputs.map((input) => [`input ${input.name}`, input])),
  };
}

/** `return y=%1, z=x`. */
function finish(lexer: Lexer, scope: Scope): Program {
  const outputs: Output[] = [];
  while (!lexer.done()) {
    if (outputs.length > 0) lexer.need(/,/, "a comma");
    const name = lexer.name();
    lexer.need(/=/, "=");
    outputs.push({ name, value: parseOperand(lexer, scope) });
  }
  return lexer.explain(() => programOf(scope.name, scope.inputs, outputs));
}

interface Type {
  readonly cell: Cell;
  readonly shape: Shape;
}

function parseType(lexer: Lexer): Type {
  const letter = lexer.need(/[fbi]/, "a type");
  const cell = (Object.keys(cellLetters) as Cell[]).find((key) => cellLetters[key] === letter) as Cell;
  return { cell, shape: lexer.list(SQUARE, () => lexer.number()) };
}

function parseOperand(lexer: Lexer, { nodes }: Scope): Node {
  const reference = lexer.take(/%\d+/) ?? `input ${lexer.name()}`;
  return nodes.get(reference) ?? lexer.fail(`${reference} is not known here`);
}

/** `%4:f[64] = tanh %3`. */
function parseNode(lexer: Lexer, scope: Scope, known: Known): void {
  const name = lexer.need(/%\d+/, "a value or return");
  lexer.need(/:/, "a colon");
  const type = parseType(lexer);
  lexer.need(/=/, "=");
  const op = lexer.need(/[A-Za-z]\w*/, "an op");
  if (!isOp(op)) lexer.fail(`there is no op ${op}`);
  const made =
    op === "constant"
      ? parseConstant(lexer, type, scope)
      : parseOther(lexer, { ...type, op }, { scope, known });
  if (made.op !== op || !allAlike([made], [type])) {
    lexer.fail(`${name} is declared ${op} ${showNodes([type])}, but is ${made.op} ${showNodes([made])}`);
  }
  scope.nodes.set(name, made);
}

/** A node's own fields as the text gives them, its type included; `rebuild` needs no more. */
interface Fields extends Type {
  readonly op: string;
}

function parseOther(lexer: Lexer, type: Fields, { scope, known }: { scope: Scope; known: Known }): Node {
  const nested = parseNested(lexer, type.op, known);
  const operands: Node[] = [];
  while (!lexer.done() && !lexer.sees(/\w+=/)) {
    if (operands.length > 0) lexer.need(/,/, "a comma");
    operands.push(parseOperand(lexer, scope));
  }
  const fields = { ...type, ...nested, ...parseAttributes(lexer, type.op, operands) };
  return lexer.explain(() => rebuild(scope.builder, fields as unknown as Node, operands));
}

/** `@1` and, of a call, `leakyRelu(slope=0.01)`. */
function parseNested(lexer: Lexer, op: string, known: Known): object {
  if (op !== "scan" && op !== "call" && op !== "jacobian") return {};
  const reference = lexer.need(/@\d+/, "a nested program");
  const program = known.programs.get(reference) ?? lexer.fail(`${reference} is not known here`);
  if (op === "call") return { callee: parseCallee(lexer, { reference, program }, known) };
  return op === "scan" ? { body: program } : { program };
}

function parseCallee(lexer: Lexer, nested: { reference: string; program: Program }, known: Known): Callee {
  const name = lexer.name();
  const pairs = lexer.list(ROUND, (): [string, number] => {
    const key = lexer.name();
    lexer.need(/=/, "=");
    return [key, lexer.number()];
  });
  const plain: Callee = { name, attributes: Object.freeze(Object.fromEntries(pairs)), body: nested.program };
  const key = `${nested.reference} ${showCallee(plain)}`;
  const callee = known.callees.get(key) ?? withRule(plain, known.rules(plain));
  known.callees.set(key, callee);
  return callee;
}

function withRule(callee: Callee, rule: DerivativeRule | undefined): Callee {
  return Object.freeze(rule === undefined ? callee : { ...callee, rule });
}

/** `axis=0 shape=[2, 3]`, the labels of a contraction, and how many operands of a scan are which. */
function parseAttributes(lexer: Lexer, op: string, operands: readonly Node[]): object {
  const attributes: Record<string, unknown> = {};
  while (!lexer.done()) {
    const key = lexer.need(/\w+/, "an attribute");
    lexer.need(/=/, "=");
    if (key === "labels") Object.assign(attributes, parseLabels(lexer));
    else attributes[key] = lexer.sees(/\[/) ? lexer.list(SQUARE, () => lexer.number()) : lexer.number();
  }
  return op === "scan" ? { ...attributes, ...scanOperands(attributes, operands) } : attributes;
}

function parseLabels(lexer: Lexer): object {
  const [a = "", b = "", out = ""] = lexer.need(/[A-Za-z]*,[A-Za-z]*->[A-Za-z]*/, "labels").split(/,|->/);
  return { aLabels: readLabels(a), bLabels: readLabels(b), outLabels: readLabels(out) };
}

function scanOperands(counts: Readonly<Record<string, unknown>>, operands: readonly Node[]): object {
  const [carries, perStep] = [Number(counts["carries"]), Number(counts["perStep"])];
  return { carries: operands.slice(0, carries), perStep: operands.slice(carries, carries + perStep) };
}

function parseConstant(lexer: Lexer, { shape, cell }: Type, { builder }: Scope): Node {
  const single = lexer.take(/f32(?=\[)/) !== undefined;
  if (lexer.sees(/\[#/)) lexer.fail('this constant is abbreviated: print with { constants: "all" }');
  if (!lexer.sees(/\[/)) return builder.constant(lexer.number(), shape, cell);
  const numbers = lexer.list(SQUARE, () => lexer.number());
  const values = single ? Float32Array.from(numbers) : Float64Array.from(numbers);
  return lexer.explain(() => builder.constant(values, shape, cell));
}
