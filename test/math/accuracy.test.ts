/**
 * Every elementary function stays within 2 ulp of mpmath's values, in both dtypes and with both roundings of fma.
 *
 * JACROW_REPORT_ULP=1 prints the largest error and the number of lane operations of each.
 */

import { afterAll, describe, expect, test } from "vitest";
import type { Lanes, TableFormula } from "../../src/lower/lanes.ts";
import { elementaryBinary, elementaryUnary } from "../../src/lower/math/index.ts";
import { tableFormulas } from "../../src/lower/math/pieces.ts";
import { type PointSet, readPointSets, ulpError } from "./fixtures.ts";
import { type FmaMode, type ScalarLanes, scalarLanes, toFloat } from "./scalar-lanes.ts";

type Formula = <V>(l: Lanes<V>, x: V, y: V) => V;

const formulas: Readonly<Record<string, Formula>> = { ...elementaryUnary, ...elementaryBinary };
const report: string[] = [];

function formulaOf(name: string, mode: FmaMode | "tables"): Formula | TableFormula {
  const formula = (mode === "tables" ? tableFormulas[name] : undefined) ?? formulas[name];
  if (formula === undefined) throw new RangeError(`no function ${name}`);
  return formula;
}

/** The value of one function at one point. */
function evaluate(lanes: ScalarLanes, formula: Formula | TableFormula, args: readonly bigint[]): number {
  const [x = 0n, y = 0n] = args;
  return toFloat(lanes.dtype, formula(lanes, x, y));
}

/** The largest error over a set, and where. */
function worst(set: PointSet, mode: FmaMode | "tables"): { error: number; at: string } {
  const lanes = scalarLanes(set.dtype, mode === "split" ? "split" : "fused");
  const formula = formulaOf(set.name, mode);
  let found = { error: 0, at: "" };
  for (const point of set.points) {
    const got = evaluate(lanes, formula, point.args);
    const error = ulpError(set.dtype, got, point);
    if (error > found.error) {
      const args = point.args.map((a) => toFloat(set.dtype, a)).join(", ");
      found = { error, at: `${set.name}(${args}) = ${got}, not ${point.expected}` };
    }
  }
  return found;
}

describe("elementary functions against mpmath", () => {
  const sets = readPointSets();

  test("the fixture covers every function in both dtypes", () => {
    const covered = new Set(sets.map(({ name, dtype }) => `${name} ${dtype}`));
    const names = Object.keys(formulas).flatMap((name) => [`${name} f32`, `${name} f64`]);
    expect([...covered].sort()).toEqual(names.sort());
  });

  describe.each(sets)("$name $dtype", (set) => {
    const hasTables = set.dtype === "f32" && tableFormulas[set.name] !== undefined;
    const modes = ["fused", "split", ...(hasTables ? ["tables" as const] : [])] as const;
    test.each(modes)("%s: at most 2 ulp", (mode) => {
      const { error, at } = worst(set, mode);
      report.push(`${set.name.padEnd(9)} ${set.dtype} ${mode.padEnd(5)} ${error.toFixed(3)} ulp  ${at}`);
      expect(error, at).toBeLessThanOrEqual(2);
    });
  });

  afterAll(() => {
    if (process.env["JACROW_REPORT_ULP"]) process.stdout.write(`${report.join("\n")}\n`);
  });
});
