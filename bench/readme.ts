/**
 * Rewrites the measured tables of the README from a bench run's JSON: `npm run bench:readme -- FILE`.
 *
 * A table stands between `<!-- bench: NAME -->` and `<!-- /bench -->`; figures are best calls.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { UsageError } from "../src/errors.ts";
import type { Figure } from "./report.ts";
import { workloads } from "./workloads.ts";

type Tables = Readonly<Record<string, (figures: readonly Figure[]) => string>>;

/** The smallest value of a metric among the subjects whose names begin so. */
function best(
  figures: readonly Figure[],
  pick: Partial<Figure> & { readonly begins: string },
): number | undefined {
  const { begins, ...wanted } = pick;
  const values = figures
    .filter((figure) => figure.subject.startsWith(begins))
    .filter((figure) => Object.entries(wanted).every(([key, value]) => figure[key as keyof Figure] === value))
    .map(({ value }) => value);
  return values.length === 0 ? undefined : Math.min(...values);
}

function milliseconds(value: number | undefined): string {
  if (value === undefined) return "–";
  return value < 1 ? value.toFixed(3) : value < 10 ? value.toFixed(2) : value.toFixed(1);
}

/** The columns: what to look up for each workload. */
interface Column {
  readonly head: string;
  readonly begins: string;
  readonly device?: string;
  /** All threads instead of one. */
  readonly all?: boolean;
  readonly metric?: string;
}

const columns: readonly Column[] = [
  { head: "**jacrow**, wasm", begins: "jacrow", device: "wasm" },
  { head: "of peak", begins: "jacrow", device: "wasm", metric: "percent_of_peak" },
  { head: "**jacrow**, native", begins: "jacrow", device: "native" },
  { head: "of peak", begins: "jacrow", device: "native", metric: "percent_of_peak" },
  { head: "PyTorch", begins: "PyTorch" },
  { head: "JAX", begins: "JAX" },
  { head: "jax-js", begins: "jax-js" },
  { head: "TF.js", begins: "TF.js" },
  { head: "wasm, all", begins: "jacrow", device: "wasm", all: true },
  { head: "native, all", begins: "jacrow", device: "native", all: true },
  { head: "PyTorch, all", begins: "PyTorch", all: true },
  { head: "JAX, all", begins: "JAX", all: true },
];

function cellOf(
  figures: readonly Figure[],
  workload: string,
  { begins, device, all, metric = "min_ms" }: Column,
): string {
  const most = Math.max(...figures.map(({ threads }) => threads));
  const wanted = {
    suite: "dense",
    workload,
    metric,
    threads: all === true ? most : 1,
    ...(device && { device }),
  };
  const value = best(figures, { begins, ...wanted });
  return metric === "percent_of_peak" && value !== undefined ? `${value.toFixed(0)} %` : milliseconds(value);
}

const tables: Tables = {
  dense: (figures) => {
    const head = ["d_i → width × depth → d_o, rows", ...columns.map((column) => column.head)];
    const lines = workloads.map(({ name, inputs, outputs, width, depth, rows }) => [
      `${name}: ${inputs} → ${width} × ${depth} → ${outputs}, ${rows}`,
      ...columns.map((column) => cellOf(figures, name, column)),
    ]);
    const most = Math.max(...figures.map(({ threads }) => threads));
    const note =
      "Milliseconds (best call) for the Jacobians of all rows of a tanh network, float32, on one thread, then on all " +
      `(${most}); the peers by their best formulation, in the same run; shares of the measured multiply-add peak of 128-bit WebAssembly and of native code at the best call.`;
    return [
      note,
      "",
      ...[head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`),
    ].join("\n");
  },
};

function rewritten(readme: string, figures: readonly Figure[]): string {
  return readme.replace(/<!-- bench: (\w+) -->[\s\S]*?<!-- \/bench -->/g, (whole, name: string) => {
    const table = tables[name];
    if (table === undefined)
      throw new UsageError("JR492", `README names a table ${name}; known: ${Object.keys(tables).join(", ")}`);
    const own = figures.filter(({ suite }) => suite === name);
    return own.length === 0 ? whole : `<!-- bench: ${name} -->\n${table(own)}\n<!-- /bench -->`;
  });
}

const [path] = process.argv.slice(2);
if (path === undefined)
  throw new UsageError(
    "JR493",
    "usage: npm run bench:readme -- FILE (written by npm run bench -- --json FILE)",
  );
const figures = JSON.parse(readFileSync(path, "utf8")) as readonly Figure[];
writeFileSync("README.md", rewritten(readFileSync("README.md", "utf8"), figures));
