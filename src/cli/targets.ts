/**
 * Which result goes to which file.
 *
 * In: the path of `-o`, the outputs and the inputs. Out: one path per Jacobian. One input and one output use the path as it is;
 * several inputs give `Z_x.npy` and `Z_u.npy`, several outputs `Z_y_x.npy`. Always: the paths differ.
 */

import { extname } from "node:path";
import { UsageError } from "../errors.ts";

/** Endings of other formats: what is written is .npy, whatever its name. */
const OTHERS = /\.(npz|safetensors|csv|txt|json|mat|h5|pt|onnx)$/i;

/** One path per pair, outputs first. */
export function jacobianPaths(path: string, outputs: readonly string[], inputs: readonly string[]): string[] {
  requireNpy("-o", path);
  if (outputs.length === 1 && inputs.length === 1) return [path];
  const suffixes = outputs.flatMap((output) =>
    inputs.map((input) => (outputs.length === 1 ? [input] : [output, input])),
  );
  return suffixed("-o", path, suffixes);
}

/** One path per value. */
export function valuePaths(path: string, outputs: readonly string[]): string[] {
  requireNpy("--value", path);
  return outputs.length === 1
    ? [path]
    : suffixed(
        "--value",
        path,
        outputs.map((output) => [output]),
      );
}

function requireNpy(option: string, path: string): void {
  if (!OTHERS.test(path)) return;
  const name = path.replace(OTHERS, ".npy");
  throw new UsageError("JR609", `${option} ${path}: results are .npy files; write ${option} ${name}`);
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
