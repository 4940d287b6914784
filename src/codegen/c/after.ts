/**
 * What an embedded function of C does after all rows: running sums are added up, and what follows them is evaluated.
 *
 * In: the rows' program, and the program of one row that follows. Out: C in doubles, whatever the rows' width. Always: lanes
 * are added to doubles every few hundred rows, so that sums of floats stay as exact as their terms; nothing outlives the call.
 */

import type { Buffer, Lowered } from "../../lower/loops.ts";
import { type AfterRows, LANE_ROWS, totalCells } from "../after-rows.ts";
import { StageWriter } from "../js/stages.ts";
import { numberC, scalarC, scalarHelpers } from "./scalar.ts";

/** The functions, and how they are called. */
export interface AfterCode {
  readonly text: string;
  /** Doubles of memory, called `after`. */
  readonly cells: number;
  /** Before the first row, after a tile of rows, after all rows. */
  readonly clear: readonly string[];
  readonly collect: readonly string[];
  readonly finish: readonly string[];
}

interface AfterOptions {
  /** The rows' program. */
  readonly main: Lowered;
  /** Bytes of tile buffers, which running sums follow, and of those. */
  readonly scratch: number;
  readonly sumBytes: number;
  /** The caller's names of shared arrays and of results. */
  readonly shared: readonly string[];
  readonly results: readonly string[];
}

/** Writes the functions. */
export function afterCode(rest: AfterRows, options: AfterOptions): AfterCode {
  const after = rest.lowered;
  const { main, scratch, sumBytes, shared, results } = options;
  const totals = startOf(after, after.inputs[0]?.buffer as Buffer);
  const cells = totalCells(main);
  const args = ["after", ...shared, ...results];
  return {
    text: [lanesText, mirrorText(main), finishText(rest, options)].join(""),
    cells: after.scratchCells,
    clear: [
      `  memset(s + ${scratch}, 0, ${sumBytes});`,
      `  for (ix c = 0; c < ${cells}; c++) after[${totals}c] = 0;`,
    ],
    collect: [
      "    held += now;",
      `    if (n == 0 || held >= ${LANE_ROWS} * LANES) {`,
      `      add_lanes(after + ${totals}0, (cell *)(s + ${scratch}), ${cells});`,
      "      held = 0;",
      "    }",
    ],
    finish: [
      ...main.sums.flatMap(({ buffer, symmetric }) =>
        symmetric === undefined
          ? []
          : [
              `  mirror(after + ${totals}${main.placement.get(buffer)}, ${symmetric.size}, ${symmetric.block});`,
            ],
      ),
      `  after_rows(${args.join(", ")});`,
    ],
  };
}

const lanesText = `/* Adds running sums, a vector of lanes each, to their totals, and starts them again. */
static JR_STAGE void add_lanes(double *totals, cell *sums, ix cells) {
  for (ix c = 0; c < cells; c++)
    for (ix lane = 0; lane < LANES; lane++) {
      totals[c] += (double)sums[c * LANES + lane];
      sums[c * LANES + lane] = 0;
    }
}
`;

const mirrorText = ({ sums }: Lowered): string =>
  sums.some(({ symmetric }) => symmetric !== undefined)
    ? `
/* A symmetric sum holds blocks on and above its diagonal: fills in the others. */
static JR_STAGE void mirror(double *sum, ix size, ix block) {
  for (ix row = block; row < size; row++)
    for (ix column = 0; column < row - row % block; column++)
      sum[row * size + column] = sum[column * size + row];
}
`
    : "";

function finishText({ lowered: after, bound }: AfterRows, { shared, results }: AfterOptions): string {
  const arrays = new Map([...bound.keys()].map((buffer, index) => [buffer, `v${index}`]));
  const writer = new StageWriter(
    ({ buffer }) =>
      buffer.space === "bound"
        ? { array: arrays.get(buffer) as string, start: 0 }
        : { array: "s", start: after.placement.get(buffer) as number },
    scalarC,
  );
  for (const stage of after.stages) writer.stage(stage);
  const code = writer.lines.map((line) => line.slice(2)).join("\n");
  const used = Object.entries(scalarHelpers).filter(([name]) => code.includes(`${name}(`));
  const params = [
    "double *s",
    ...shared.map((_, index) => `const cell *w${index}`),
    ...results.map((_, index) => `cell *r${index}`),
  ];
  return [
    "",
    "#include <math.h>",
    ...used.map(([, text]) => text),
    `static JR_STAGE void after_rows(${params.join(", ")}) {`,
    ...[...bound.values()].map(
      (values, index) => `  static const double v${index}[] = {${Array.from(values, numberC).join(", ")}};`,
    ),
    ...after.inputs.slice(1).flatMap(({ buffer }, index) => copyIn(after, buffer, `w${index}`)),
    code,
    ...after.outputs.map(
      ({ buffer }, index) =>
        `  if (r${index} != NULL) for (ix c = 0; c < ${buffer.cells}; c++) r${index}[c] = (cell)s[${startOf(after, buffer)}c];`,
    ),
    "}",
    "",
  ].join("\n");
}

function copyIn(after: Lowered, buffer: Buffer, from: string): string[] {
  const value = `(double)${from}[c]`;
  const made =
    buffer.cell === "int" ? scalarC.whole(value) : buffer.cell === "bool" ? scalarC.truth(value) : value;
  return [`  for (ix c = 0; c < ${buffer.cells}; c++) s[${startOf(after, buffer)}c] = ${made};`];
}

function startOf({ placement }: Lowered, buffer: Buffer): string {
  const start = placement.get(buffer) as number;
  return start === 0 ? "" : `${start} + `;
}
