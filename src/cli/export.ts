/**
 * `jacrow export MODEL --format onnx -o jac.onnx`: the planned Jacobian as a file for other runtimes.
 *
 * In: a model (and rows, where only they tell the shape of a row). Out: one file. Always: what the file computes is what
 * `jacrow jacobian` would, and the format's own options are refused for other formats.
 */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { widthName } from "../api/explain.ts";
import { bytesText } from "../api/sizes.ts";
import { writeBytesFile } from "../data/write-bytes.ts";
import { UsageError } from "../errors.ts";
import { type Arguments, badValue, type Command } from "./command.ts";
import { EXIT, fileStep } from "./exit.ts";
import { onnxBytes } from "./export-onnx.ts";
import { cFiles, jsFiles, wasmFiles } from "./export-source.ts";
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

/** Makes a file's bytes, or the files of a folder by name. */
type Format = (subject: Subject, args: Arguments) => Uint8Array | ReadonlyMap<string, string | Uint8Array>;

const formats: Readonly<Record<string, Format>> = {
  onnx: onnxBytes,
  c: cFiles,
  js: jsFiles,
  wasm: wasmFiles,
};

const SOURCES = ["c", "js", "wasm"];
/** Options of some formats alone. */
const OWN: Readonly<Record<string, readonly string[]>> = {
  opset: ["onnx"],
  layout: SOURCES,
  vector: ["c"],
  prefix: SOURCES,
};

/** The command. */
export const exportCommand: Command = {
  name: "export",
  summary: "write values and Jacobian as a model for other runtimes",
  usage: "MODEL [ROWS...] -o FILE [options]",
  about: `
Writes the planned program to a file that needs no jacrow; --format says which, onnx
also the file's name:

  onnx   a standard ONNX model with a batch axis "n": outputs Y (n, ...out) and
         Z (n, ...out, ...in); with several, Y_OUTPUT and Z_OUTPUT_INPUT
  c      a folder: one C99 function of n rows, its header, an example, CMake
  js     a folder: one module of plain JavaScript, in float64, and its types
  wasm   a folder: a WebAssembly module and 2 kB of JavaScript to call it

A function of your own module needs a rows file, which tells the shape of a row. In c, js
and wasm, inputs that rows share (--shared) are arguments after those with rows, and sums
over rows are results after the others.`,
  options: [
    { name: "out", short: "o", placeholder: "FILE", help: "the file to write; for c, js and wasm a folder" },
    { name: "format", placeholder: "NAME", help: Object.keys(formats).join(", ") },
    { name: "results", placeholder: "WHAT", help: "both (the default), value, or in onnx jacobian" },
    { name: "opset", placeholder: "N", help: "onnx: the operator set, 17 (the default) to 22" },
    {
      name: "layout",
      placeholder: "ORDER",
      help: "c, js, wasm: each row's Jacobian by rows (row, the default) or by\ncolumns (col)",
    },
    {
      name: "vector",
      placeholder: "BITS",
      help: "c: 128 (the default, everywhere), 256 or 512, for compilers\nthat are told of such a machine (-march)",
    },
    { name: "prefix", placeholder: "WORD", help: "c, js, wasm: put before the function's name" },
    { name: "force", help: "overwrite a file that exists" },
    SMOOTH_OPTION,
    ...SELECTION_OPTIONS,
    ...COMPUTE_OPTIONS.filter(({ name }) => ["dtype", "mode", "effort"].includes(name)),
    ...MODEL_OPTIONS,
    ...REPORT_OPTIONS,
  ],
  examples: [
    { line: "jacrow export net.onnx -o jac.onnx", shows: "a model that gives Y and Z of every row" },
    { line: "jacrow export net.onnx --format c -o net_c", shows: "C sources to build into a program" },
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
  const foreign = Object.keys(OWN).find(
    (name) => args.text(name) !== undefined && !OWN[name]?.includes(format),
  );
  if (foreign !== undefined)
    throw new UsageError(
      "JR602",
      `--${foreign} is for ${OWN[foreign]?.join(", ")}; the format here is ${format}`,
    );
  const subject = await openSubject(args);
  const made = (formats[format] as Format)(subject, args);
  const bytes = await written(path, made, args.flag("force"));
  const facts = { format, file: path, bytes, dtype: widthName(subject.compute.dtype) };
  const contents = made instanceof Uint8Array ? "" : `, a folder of ${[...made.keys()].join(", ")}`;
  if (args.flag("json")) terminal.out(jsonText({ command: "export", model: subject.model.name, ...facts }));
  if (!args.flag("quiet")) terminal.err(`${path}: ${format}, ${bytesText(bytes)}${contents}\n`);
  return EXIT.ok;
}

/** Writes one file, or a folder of files; gives how many bytes. */
async function written(path: string, made: ReturnType<Format>, force: boolean): Promise<number> {
  const files: readonly (readonly [string, string | Uint8Array])[] =
    made instanceof Uint8Array
      ? [[path, made]]
      : [...made].map(([name, content]) => [join(path, name), content]);
  let total = 0;
  for (const [file, content] of files) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await fileStep(() => {
      if (file !== path) mkdirSync(path, { recursive: true });
      writeBytesFile(file, bytes, { force });
    });
    total += bytes.length;
  }
  return total;
}

/** What `--format` says, else the file's ending. */
function formatOf(args: Arguments, path: string): string {
  const ending = /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? "";
  const name = args.text("format") ?? ending;
  if (SOURCES.includes(name) && SOURCES.includes(ending)) {
    const folder = `${path.slice(0, -ending.length - 1)}_${name}`;
    throw new UsageError(
      "JR602",
      `${name} is a folder of sources, not one file: -o ${folder} --format ${name}`,
    );
  }
  if (Object.hasOwn(formats, name)) return name;
  const known = Object.keys(formats).join(", ");
  const asked = args.text("format");
  if (asked !== undefined) throw badValue("format", asked, known);
  throw new UsageError("JR602", `the ending of ${path} tells no format: say --format with one of ${known}`);
}
