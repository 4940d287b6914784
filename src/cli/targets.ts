/**
 * Which result goes to which file.
 *
 * In: the path of `-o`, the outputs and the inputs. Out: one place per Jacobian. One input and one output use the path as it is;
 * several inputs give `Z_x.npy` and `Z_u.npy`, several outputs `Z_y_x.npy`. In an .npz the arrays have those names, after `Z` and `Y`.
 * Always: the places differ.
 */

import { extname } from "node:path";
import { UsageError } from "../errors.ts";

/** Endings of other formats: what is written is .npy, whatever its name. */
const OTHERS = /\.(safetensors|csv|txt|json|mat|h5|pt|onnx)$/i;

/** A file of its own, or an array in an .npz. */
export interface Place {
  readonly path: string;
  readonly key?: string;
}

/** One place per pair, outputs first. */
export function jacobianPlaces(path: string, outputs: readonly string[], inputs: readonly string[]): Place[] {
  const suffixes = outputs.flatMap((output) =>
    inputs.map((input) =>
      [outputs.length > 1 && output, outputs.length * inputs.length > 1 && input].filter(
        (name) => name !== false,
      ),
    ),
  );
  return places({ option: "-o", path, key: "Z" }, suffixes);
}

/** One place per value. */
export function valuePlaces(path: string, outputs: readonly string[]): Place[] {
  return places(
    { option: "--value", path, key: "Y" },
    outputs.map((output) => (outputs.length === 1 ? [] : [output])),
  );
}

function places(
  { option, path, key }: { option: string; path: string; key: string },
  suffixes: readonly (readonly string[])[],
): Place[] {
  requireNpy(option, path);
  if (/\.npz$/i.test(path)) return suffixed(option, key, suffixes).map((name) => ({ path, key: name }));
  return (suffixes.length === 1 ? [path] : suffixed(option, path, suffixes)).map((one) => ({ path: one }));
}

function requireNpy(option: string, path: string): void {
  if (!OTHERS.test(path)) return;
  const name = path.replace(OTHERS, ".npy");
  throw new UsageError(
    "JR609",
    `${option} ${path}: results are .npy files, or one .npz; write ${option} ${name}`,
  );
}

function suffixed(option: string, path: string, suffixes: readonly (readonly string[])[]): string[] {
  if (path === "-") {
    const count = suffixes.length;
    throw new UsageError(
      "JR609",
      `${option} - cannot hold ${count} arrays; name a file, or choose one with --outputs and --wrt`,
    );
  }
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  const paths = suffixes.map((names) => `${[stem, ...names.map(plainName)].join("_")}${extension}`);
  return paths.map((one, index) =>
    paths.indexOf(one) === index
      ? one
      : `${one.slice(0, one.length - extension.length)}_${index}${extension}`,
  );
}

/** Names of tensors may hold slashes and colons; names of files had better not. */
function plainName(name: string): string {
  return name.replace(/[^\w.-]+/g, "_");
}
