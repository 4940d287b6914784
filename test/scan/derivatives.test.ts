/** Loops that stay loops when they are differentiated: every mode gives what their steps give one after the other. */

import { describe, expect, test } from "vitest";
import { jacobianProgram } from "../../src/autodiff/index.ts";
import { nodesOf } from "../../src/ir/graph.ts";
import type { Program } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
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
  const values = interpret(wanted, inputs, ROWS);
  for (const mode of modes) {
    const looped = derivative(program, mode, 0);
    verify(looped);
    expect(nodesOf(looped).some((node) => node.op === "scan")).toBe(true);
    interpret(looped, inputs, ROWS).forEach((got, index) => {
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
    for (let seed = 1; seed <= 8; seed++) check(seed, [mode], { kinks: seed % 2 === 0 });
  });
});
