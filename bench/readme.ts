/**
 * Rewrites the measured tables of the README from a bench run's JSON: `npm run bench:readme -- FILE`.
 *
 * A table stands between `<!-- bench: NAME -->` and `<!-- /bench -->`; figures are medians.
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

const tables: Tables = {
  dense: (figures) => {
    const most = Math.max(...figures.map(({ threads }) => threads));
    const head = `| d_i → width × depth → d_o, rows | jacrow, 1 thread | of 128-bit peak | PyTorch, 1 | JAX, 1 | jax-js | jacrow, ${most} threads | PyTorch, ${most} | JAX, ${most} |`;
    const rows = workloads.map(({ name, inputs, outputs, width, depth, rows: n }) => {
      const of = (begins: string, threads: number, metric = "ms"): number | undefined =>
        best(figures, { suite: "dense", workload: name, begins, threads, metric });
      const share = of("jacrow", 1, "percent_of_peak");
      const cells = [
        `${name}: ${inputs} → ${width} × ${depth} → ${outputs}, ${n}`,
        `**${milliseconds(of("jacrow", 1))}**`,
        share === undefined ? "–" : `${share.toFixed(0)} %`,
        ...["PyTorch", "JAX", "jax-js"].map((peer) => milliseconds(of(peer, 1))),
        `**${milliseconds(of("jacrow", most))}**`,
        ...["PyTorch", "JAX"].map((peer) => milliseconds(of(peer, most))),
      ];
      return `| ${cells.join(" | ")} |`;
    });
    const note =
      "Milliseconds (median) for the Jacobians of all rows of a tanh network, float32; peers by their best formulation, in the same run.";
    return [note, "", head, `|${"---|".repeat(9)}`, ...rows].join("\n");
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
