/**
 * Which outputs of a model are row-wise, and which nodes are to blame where they are not.
 *
 * In: a decoded model and what importing it gave. Out: one verdict per output. Always: where the whole model is refused every
 * output is tried alone, for the others may be fine.
 */

import { JacrowError } from "../errors.ts";
import { type ImportedModel, type ImportOptions, importModel } from "../onnx/import.ts";
import type { ModelProto, NodeProto } from "../onnx/model.ts";
import { operators } from "../onnx/ops/index.ts";
import { functionsOf, operatorKey } from "../onnx/support.ts";
import { inOptions } from "./exit.ts";

/** What can be said of one output. */
export interface Verdict {
  readonly output: string;
  readonly rowWise: boolean;
  /** Why not, in one sentence. */
  readonly reason?: string;
}

/** One verdict per output of the model. */
export function outputVerdicts(
  proto: ModelProto,
  imported: ImportedModel | JacrowError,
  options: ImportOptions,
): Verdict[] {
  if (!(imported instanceof JacrowError))
    return imported.outputs.map(({ name }) => ({ output: name, rowWise: true }));
  const names = proto.graph.outputs.map(({ name = "" }) => name);
  if (names.length === 1)
    return names.map((output) => ({ output, rowWise: false, reason: firstLine(imported) }));
  return names.map((output) => verdictOf(proto, output, options));
}

function verdictOf(proto: ModelProto, output: string, options: ImportOptions): Verdict {
  try {
    importModel(proto, { ...options, outputs: [output] });
    return { output, rowWise: true };
  } catch (error) {
    if (error instanceof JacrowError) return { output, rowWise: false, reason: firstLine(error) };
    throw error;
  }
}

/** The message up to its first full stop or line end. */
function firstLine({ message, code }: JacrowError): string {
  return inOptions(message)
    .replace(`${code}: `, "")
    .replace(/(\. [A-Z]|\n)[\s\S]*$/, "");
}

/** The verdicts for people; one line where all is well. */
export function verdictLines(verdicts: readonly Verdict[]): string[] {
  if (verdicts.length > 0 && verdicts.every(({ rowWise }) => rowWise))
    return ["  rows are independent of each other"];
  return verdicts.map(({ output, rowWise, reason = "" }) =>
    rowWise
      ? `  output ${output}: rows are independent of each other`
      : `  output ${output} cannot be had: ${reason}`,
  );
}

/** Picks the nodes that an error is about: those it names, and operators that jacrow lacks. */
export function culprits(proto: ModelProto, error: JacrowError | undefined): (node: NodeProto) => boolean {
  if (error === undefined) return () => false;
  const functions = functionsOf(proto);
  const [, operator, name] = /^JR\d+: (\S+) "([^"]*)"/.exec(error.message) ?? [];
  return (node) => {
    const key = operatorKey(node);
    const isMissing = operators[key] === undefined && !functions.has(key);
    return isMissing || (key === operator && node.name === name);
  };
}
