/**
 * Help as text: the page of the whole command line, and one per command.
 *
 * Out of the commands' own tables, so that help and parser cannot disagree.
 */

import type { Command, Example, OptionSpec } from "./command.ts";

/** The page of `jacrow --help`. */
export function mainHelp(commands: readonly Command[]): string {
  const list = columns(commands.map(({ name, summary }) => [name, summary]));
  return `jacrow: row-wise Jacobians Z[i, j, k] = ∂Y[i, j] / ∂X[i, k]

A model maps one row of d_i numbers to one row of d_o numbers. Given n rows,
jacrow writes the (n, d_o, d_i) array of all their derivatives in one pass.

usage: jacrow COMMAND ...

${list}

Start here:
  1. Export the network from PyTorch with a dynamic batch axis:
       torch.onnx.export(net.eval(), (x,), "net.onnx", dynamo=True, dynamic_shapes=[{0: "batch"}])
  2. Save the rows:   numpy.save("rows.npy", X)             # X has shape (n, d_i)
  3. Run:             jacrow jacobian net.onnx rows.npy -o Z.npy
  4. Use the result:  Z = numpy.load("Z.npy")               # Z has shape (n, d_o, d_i)

A MODEL is an .onnx file, or file.js#name for a function of a module of yours.
ROWS is an .npy file whose first axis is the row, or an array of an .npz or .safetensors
file (--key NAME); "-" is standard input.

jacrow COMMAND --help explains a command. jacrow --version prints the version.
Exit codes: 0 ok, 1 a check failed, 2 usage, 3 unsupported or rows that mix, 4 files,
70 a bug of jacrow, 130 interrupted.
`;
}

/** The page of `jacrow COMMAND --help`. */
export function commandHelp(command: Command): string {
  const options = columns(command.options.map((option) => [optionText(option), option.help]));
  return `${command.summary}

usage: jacrow ${command.name} ${command.usage}

${command.about.trim()}

options:
${options}

examples:
${command.examples.map(exampleText).join("\n")}
`;
}

function optionText({ name, short, placeholder }: OptionSpec): string {
  const long = `--${name}${placeholder === undefined ? "" : ` ${placeholder}`}`;
  return short === undefined ? `    ${long}` : `-${short}, ${long}`;
}

function exampleText({ line, shows }: Example): string {
  return `  ${line}\n      ${shows}`;
}

/** Two columns, indented by two; long left cells push their right cell to the next line. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(26, Math.max(...rows.map(([left]) => left.length)));
  return rows
    .map(([left, right]) => {
      const lines = right.split("\n").join(`\n${" ".repeat(width + 4)}`);
      const gap = left.length > width ? `\n${" ".repeat(width + 4)}` : " ".repeat(width + 2 - left.length);
      return `  ${left}${gap}${lines}`;
    })
    .join("\n");
}
