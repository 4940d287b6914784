/** Loops that stay loops when they are differentiated: every mode gives what their steps give one after the other. */

import { describe, expect, test } from "vitest";
import { jacobianProgram } from "../../src/autodiff/index.ts";
import { planJacobian } from "../../src/autodiff/jacobian.ts";
import { printPlan } from "../../src/autodiff/plan-print.ts";
import { Builder } from "../../src/ir/builder.ts";
import { nodesOf, programOf } from "../../src/ir/graph.ts";
import type { Node, Program } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";
import { lower } from "../../src/lower/index.ts";
import { leavesOf } from "../../src/lower/loops.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { runHere } from "../devices/here.ts";
import { randomInputs } from "../ir/random-program.ts";
import { expectClose, ROWS } from "../lower/check.ts";
import { type LoopOptions, loopProgram } from "./programs.ts";

const WRT = [0, 1, 2, 3];

function derivative(program: Program, mode: "auto" | "forward" | "reverse", unrolled: number): Program {
  return jacobianProgram(program, { wrt: WRT, mode, unrolled, value: true, allowZero: true });
}

function check(seed: number, modes: readonly ("auto" | "forward" | "reverse")[], options: LoopOptions): void {
  const program = loopProgram(seed, options);
  const inputs = randomInputs(program, ROWS, seed);
  const wanted = derivative(program, "forward", 1e9);
  const values = runHere(wanted, inputs, ROWS);
  for (const mode of modes) {
    const looped = derivative(program, mode, 0);
    verify(looped);
    expect(nodesOf(looped).some((node) => node.op === "scan")).toBe(true);
    runHere(looped, inputs, ROWS).forEach((got, index) => {
      const name = `seed ${seed} ${mode} ${wanted.outputs[index]?.name}`;
      const times = got.length / (values[index] as Float64Array).length;
      const whole = (values[index] as Float64Array).length;
      const full = Float64Array.from(
        { length: times * whole },
        (_, cell) => (values[index] as Float64Array)[cell % whole] as number,
      );
      expectClose(got, full, { name, tolerance: 1e-10 });
    });
  }
}

describe("Jacobians of random loops", () => {
  test.each(["auto", "forward", "reverse"] as const)("%s", (mode) => {
    for (let seed = 1; seed <= 5; seed++) check(seed, [mode], { kinks: seed % 2 === 0 });
  });
});

/** Eight cells, each step of which reads its neighbours. */
function chain(steps: number): Program {
  const step = new Builder();
  const c = step.input("c", [8]);
  const turned = step.slice(c, { starts: [7], steps: [-1], shape: [8] });
  const next = step.add(
    step.mul(c, step.constant(0.9)),
    step.mul(step.unary("sin", turned), step.constant(0.1)),
  );
  const body = programOf("step", [c], [{ name: "next", value: next }]);
  const b = new Builder();
  const x = b.input("x", [8]);
  const [end] = b.scan(body, steps, { carries: [x], perStep: [], captured: [] });
  return programOf("chain", [x], [{ name: "y", value: b.sum(b.mul(end as Node, end as Node), [0]) }]);
}

describe("long loops", () => {
  const lowered = (steps: number, mode: "forward" | "reverse"): ReturnType<typeof lower> =>
    lower(prepared(jacobianProgram(chain(steps), { wrt: [0], mode })), { dtype: "f64" });

  test("reverse mode keeps the carries of about √steps segments: code and scratch stay small", () => {
    const [short, long] = [lowered(900, "reverse"), lowered(14_400, "reverse")];
    expect(long.scratchCells).toBeLessThan(4.5 * short.scratchCells);
    expect(leavesOf(long.stages).length).toBeLessThanOrEqual(leavesOf(short.stages).length);
    expect(long.scratchCells).toBeLessThan(2 * 8 * 120 + 200);
  });

  test("forward mode needs the same scratch for any number of steps", () => {
    expect(lowered(14_400, "forward").scratchCells).toBe(lowered(900, "forward").scratchCells);
  });

  test.each([700, 1000])("segments of %i steps give what forward mode gives", (steps) => {
    const inputs = randomInputs(chain(steps), 2, 7);
    const [forward, reverse] = (["forward", "reverse"] as const).map(
      (mode) => runHere(jacobianProgram(chain(steps), { wrt: [0], mode }), inputs, 2)[0] as Float64Array,
    ) as [Float64Array, Float64Array];
    expectClose(reverse, forward, { name: "reverse", tolerance: 1e-12 });
  });

  test("the plan names the loop, its mode and what it keeps", () => {
    const text = printPlan(planJacobian(chain(1000), { wrt: [0] }).plan);
    expect(text).toContain(
      "scan: 1 000 steps in reverse mode, 1 weight (of outputs) carried through; the first carries of 31 segments are kept, at most 504 numbers per row at a time",
    );
  });
});
