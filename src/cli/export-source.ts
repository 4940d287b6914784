/** The source formats of `jacrow export`: options in, files by name out. */

import { basename } from "node:path";
import { identifier, type SourceOptions, sourceC, sourceJs, sourceWasm, vectorBytes } from "../api/source.ts";
import type { Arguments } from "./command.ts";
import type { Subject } from "./job.ts";

/** C99 sources. */
export function cFiles(subject: Subject, args: Arguments): Map<string, string> {
  return sourceC(subject.program, optionsOf(subject, args));
}

/** A JavaScript module. */
export function jsFiles(subject: Subject, args: Arguments): Map<string, string> {
  return sourceJs(subject.program, optionsOf(subject, args));
}

/** A WebAssembly module and its glue. */
export function wasmFiles(subject: Subject, args: Arguments): Map<string, string | Uint8Array> {
  return sourceWasm(subject.program, optionsOf(subject, args));
}

function optionsOf({ model, request, compute }: Subject, args: Arguments): SourceOptions {
  const values = args.choice("results", ["both", "value"]) === "value";
  const stem = basename(model.name)
    .replace(/\.\w+(#|$)/, "$1")
    .replace(/^.*#/, "");
  return {
    request: values ? { ...request, wrt: [] } : request,
    dtype: compute.dtype,
    layout: args.choice("layout", ["row", "col"]) ?? "row",
    vectorBytes: vectorBytes[args.choice("vector", ["128", "256", "512"]) ?? "128"],
    name: identifier(`${args.text("prefix") ?? ""}${stem}`, new Set()),
  };
}
