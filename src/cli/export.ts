/**
 * `jacrow export MODEL --format onnx -o jac.onnx`: the planned Jacobian as a file for other runtimes.
 *
 * In: a model (and rows, where only they tell the shape of a row). Out: one file. Always: what the file computes is what
 * `jacrow jacobian` would, and the format's own options are refused for other formats.
 */

import { bytesText } from "../api/sizes.ts";
import { writeBytesFile } from "../data/write-bytes.ts";
import { UsageError } from "../errors.ts";
import { type Arguments, badValue, type Command } from "./command.ts";
import { EXIT, fileStep } from "./exit.ts";
import { onnxBytes } from "./export-onnx.ts";
import { openSubject, type Subject } from "./job.ts";
import { jsonText } from "./json.ts";
import {
  COMPUTE_OPTIONS,
  MODEL_OPTIONS,
  REPORT_OPTIONS,
  SELECTION_OPTIONS,
  SMOOTH_OPTION,
} from "./options.ts";
import type { Terminal } from "./terminal.ts";

/** Makes a file's bytes. */
type Format = (subject: Subject, args: Arguments) => Uint8Array;

const formats: Readonly<Record<string, Format>> = { onnx: onnxBytes };

/** The command. */
export const exportCommand: Command = {
  name: "export",
  summary: "write values and Jacobian as a model for other runtimes",
  usage: "MODEL [ROWS...] -o FILE [options]",
  about: `
Writes the planned program to a file that needs no jacrow. The format is told by the
file's name, or by --format:

  onnx   a standard ONNX model with a batch axis "n": outputs Y (n, ...out) and
         Z (n, ...out, ...in); with several, Y_OUTPUT and Z_OUTPUT_INPUT

A function of your own module needs a rows file, which tells the shape of a row.`,
  options: [
    { name: "out", short: "o", placeholder: "FILE", help: "the file to write" },
    { name: "format", placeholder: "NAME", help: Object.keys(formats).join(", ") },
    { name: "results", placeholder: "WHAT", help: "both (the default), value or jacobian" },
    { name: "opset", placeholder: "N", help: "onnx: the operator set, 17 (the default) to 22" },
    { name: "force", help: "overwrite a file that exists" },
    SMOOTH_OPTION,
    ...SELECTION_OPTIONS,
    ...COMPUTE_OPTIONS.filter(({ name }) => ["dtype", "mode", "effort"].includes(name)),
    ...MODEL_OPTIONS,
    ...REPORT_OPTIONS,
  ],
  examples: [
    { line: "jacrow export net.onnx -o jac.onnx", shows: "a model that gives Y and Z of every row" },
    { line: "jacrow export arm.js#arm angles.npy -o arm.onnx --dtype f32", shows: "the same of a function" },
  ],
  words: { least: 1, most: 64 },
  run: runExport,
};

async function runExport(args: Arguments, terminal: Terminal): Promise<number> {
  const path = args.text("out");
  if (path === undefined || path === "" || path === "-")
    throw new UsageError("JR605", "export needs a file to write: jacrow export MODEL -o jac.onnx");
  const format = formatOf(args, path);
  const subject = await openSubject(args);
  const bytes = (formats[format] as Format)(subject, args);
  await fileStep(() => writeBytesFile(path, bytes, { force: args.flag("force") }));
  const facts = { format, file: path, bytes: bytes.length, dtype: subject.compute.dtype };
  if (args.flag("json")) terminal.out(jsonText({ command: "export", model: subject.model.name, ...facts }));
  if (!args.flag("quiet")) terminal.err(`${path}: ${format}, ${bytesText(bytes.length)}\n`);
  return EXIT.ok;
}

/** What `--format` says, else the file's ending. */
function formatOf(args: Arguments, path: string): string {
  const ending = /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? "";
  const name = args.text("format") ?? ending;
  if (Object.hasOwn(formats, name)) return name;
  throw badValue(
    "format",
    args.text("format") ?? `none, and ${path} does not end in one`,
    Object.keys(formats).join(", "),
  );
}
