/** What a bench run found: a tidy list of figures, one a row, printed as it grows and written as JSON at the end. */

import { writeFileSync } from "node:fs";

/** One figure. */
export interface Figure {
  readonly suite: string;
  readonly workload: string;
  readonly subject: string;
  readonly device: string;
  readonly dtype: "f32" | "f64";
  readonly threads: number;
  readonly metric: string;
  readonly value: number;
}

/** What the figures of one measurement share. */
export type Series = Omit<Figure, "metric" | "value">;

/** Collects figures. */
export class Report {
  readonly figures: Figure[] = [];

  /** Adds the metrics of one series and prints them as a line. */
  add(series: Series, metrics: Readonly<Record<string, number>>): void {
    for (const [metric, value] of Object.entries(metrics)) this.figures.push({ ...series, metric, value });
    const shown = Object.entries(metrics).map(([metric, value]) => `${metric} ${show(value)}`);
    const place = `${series.workload.padEnd(12)} ${series.subject.padEnd(26)} ${series.device.padEnd(11)} ${series.dtype} ${series.threads}t`;
    console.log(`${place}  ${shown.join("  ")}`);
  }

  write(path: string): void {
    writeFileSync(path, `[\n${this.figures.map((figure) => `  ${JSON.stringify(figure)}`).join(",\n")}\n]\n`);
  }
}

function show(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
