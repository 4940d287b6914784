/** Options that several commands share, written once. */

import type { OptionSpec } from "./command.ts";

/** How a model's inputs are read. */
export const MODEL_OPTIONS: readonly OptionSpec[] = [
  {
    name: "batch-axis",
    placeholder: "AXIS",
    help: "the model's axis that holds the rows: 0, none, or x=0,u=none;\nneeded only where the file does not tell",
  },
  { name: "sizes", placeholder: "NAME=N,..", help: "sizes of other open axes, as time=16 or x:1=16" },
];

/** Which part of a model is asked for. */
export const SELECTION_OPTIONS: readonly OptionSpec[] = [
  {
    name: "outputs",
    placeholder: "LIST",
    help: "only these outputs, by name; or entries of an output:\nlogits[0:3], or 3 where there is one output",
  },
  { name: "wrt", placeholder: "LIST", help: "differentiate by these inputs only, by name" },
  {
    name: "shared",
    placeholder: "LIST",
    help: "inputs of a function that all rows share: their file\nholds the value itself, without an axis of rows",
  },
  {
    name: "key",
    placeholder: "NAME",
    help: "the array of an .npz or .safetensors file that holds the rows;\nby default the only one, or the one named as the input",
  },
  { name: "allow-zero", help: "accept an output that does not depend on an input" },
];

/** What is done to a model before it is differentiated. */
export const SMOOTH_OPTION: OptionSpec = {
  name: "smooth",
  placeholder: "BETA",
  help: "replace relu, abs, max, clip and their kin by smooth functions,\nthe sharper the larger BETA: a Jacobian without jumps",
};

/** How it is computed. */
export const COMPUTE_OPTIONS: readonly OptionSpec[] = [
  {
    name: "dtype",
    placeholder: "f32|f64",
    help: "the width to compute in and to write; by default the\nmodel's own, and for functions that of the rows",
  },
  { name: "mode", placeholder: "MODE", help: "auto (the default, cheapest by count), forward, reverse" },
  {
    name: "effort",
    placeholder: "E",
    help: "how long auto looks for a cheaper order: quick, default,\nthorough (seconds to minutes for long formulas)",
  },
  {
    name: "device",
    placeholder: "NAME",
    help: "auto (the default): wasm until native repays compiling;\nwasm; native: compiled C, needs a compiler and koffi;\nor interpreter (slow, float64)",
  },
  { name: "threads", placeholder: "N", help: "threads; all cores by default, at most 6" },
  { name: "deterministic", help: "the same bits on every machine: no fused multiply-add" },
];

/** How results are told. */
export const REPORT_OPTIONS: readonly OptionSpec[] = [
  { name: "json", help: "a machine-readable report on standard output" },
  { name: "quiet", short: "q", help: "say nothing on standard error but errors" },
  { name: "help", short: "h", help: "this page" },
];
