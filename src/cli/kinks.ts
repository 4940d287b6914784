/**
 * `jacrow check --kinks EPS`: rows whose Jacobian lies within EPS of a jump, and the units that cause it.
 *
 * In: a job and the distance. Out: the report, printed or as data. Always: every row of the range is looked at, block by
 * block, in float64.
 */

import { kinkMargins } from "../api/kink-margins.ts";
import { type KinkReport, KinkSearch, type NearKink } from "../api/kinks.ts";
import { showShape, sizeOf } from "../ir/shape.ts";
import type { Job } from "./job.ts";
import { startProgress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

const MOST_UNITS = 12;
const MOST_ROWS = 12;

/** Looks for kinks in all rows of a job. */
export async function searchKinks(
  { rows, program }: Job,
  { epsilon, terminal, quiet }: { epsilon: number; terminal: Terminal; quiet: boolean },
): Promise<KinkReport> {
  const search = await KinkSearch.open(kinkMargins(program), epsilon);
  const progress = startProgress(terminal, rows.n, quiet);
  try {
    for await (const { start, end, data } of rows.blocks(() => search.blockRows)) {
      await search.add(data.map(asDoubles), { start, end });
      progress.update(end - rows.range.start);
    }
    return search.report();
  } finally {
    progress.end();
    search.dispose();
  }
}

function asDoubles(data: Float32Array | Float64Array): Float64Array {
  return data instanceof Float64Array ? data : Float64Array.from(data);
}

/** The report for people. */
export function kinksText({ message, rows, count, units }: KinkReport): string {
  const listed = rows.slice(0, MOST_ROWS).join(", ");
  const more = count > Math.min(rows.length, MOST_ROWS) ? ", …" : "";
  const lines = [
    `kinks: ${message}`,
    ...(count === 0 ? [] : [`  rows ${listed}${more}`]),
    ...units.slice(0, MOST_UNITS).map(unitText),
    ...(units.length > MOST_UNITS ? [`  … and ${units.length - MOST_UNITS} more`] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function unitText({ name, op, shape, rows, nearest }: NearKink): string {
  const unit = shape.length === 0 ? "" : ` unit ${showShape(nearest.index)} of ${sizeOf(shape)}`;
  const kink = /^[lg][et]$/.test(op) ? "comparison" : op;
  const what = name === op ? op : `${name} (${kink})`;
  const near = `${rows} row${rows === 1 ? "" : "s"}`;
  return `  ${what}: ${near}, nearest row ${nearest.row}${unit}, ${nearest.margin.toExponential(1)} away`;
}
