/**
 * Everything the issue lists under bad input that concerns functions and rows: one clear error each, with its class,
 * its code and the fix, and nothing silently zero (F4, F6, F9, F12).
 */

import { describe, expect, test } from "vitest";
import {
  checkJacobian,
  gt,
  jacobian,
  jacrow,
  mul,
  type Row,
  rows,
  sin,
  stack,
  sum,
  type Tensor,
  UsageError,
  where,
} from "../../src/index.ts";

const device = "interpreter";
const X = [
  [1, 2],
  [3, 4],
];

interface Bad {
  readonly name: string;
  readonly run: () => unknown;
  readonly code: string;
  /** What the message must say. */
  readonly says: RegExp;
}

/** Wrong on purpose, past the compiler. */
const loose = (f: unknown): ((x: Tensor) => Tensor) => f as (x: Tensor) => Tensor;
const of =
  (f: unknown, input: unknown = X) =>
  (): unknown =>
    jacrow(loose(f), { device }).sync(input as number[][]);
let leaked: Tensor | undefined;

const cases: readonly Bad[] = [
  {
    name: "bind to an input that is not there",
    run: () => jacrow((x: Row<2>) => x, { device }).bind({ n: 1, inputs: [2], toool: 3 }),
    code: "JR455",
    says: /no shared input toool; there are none/,
  },
  {
    name: "a number for a shape",
    run: () => jacrow((x: Row<2>) => x, { device }).bind({ n: 1, inputs: 6 as never }),
    code: "JR402",
    says: /write inputs: \[6\]/,
  },
  {
    name: "two sizes for two shapes",
    run: () =>
      jacrow(
        function pair(x: Row, y: Row) {
          return x.mul(y);
        },
        { device },
      ).bind({ n: 1, inputs: [6, 6] }),
    code: "JR442",
    says: /pair\) takes 2 arguments, inputs has one shape \(6, 6\): write \[\[6\], \[6\]\]/,
  },
  {
    name: "two shapes for one argument of a derivative",
    run: () =>
      rows(
        jacobian((x: Row) => x),
        { device },
      ).bind({ n: 1, inputs: [[6], [6]] }),
    code: "JR442",
    says: /takes 1 argument, inputs has 2 shapes/,
  },
  {
    name: "a width that does not exist",
    run: () => jacrow((x: Row<2>) => x, { device }).bind({ n: 1, inputs: [2], dtype: "float32" as "f32" }),
    code: "JR452",
    says: /option dtype of jacrow\(.*\)\.bind takes "f32", "f64", got "float32"/,
  },
  {
    name: "misspelt option",
    run: () =>
      jacrow(
        loose((x: Tensor) => x),
        { moed: "forward" } as object,
      ),
    code: "JR451",
    says: /no option moed; it has .*mode/,
  },
  {
    name: "unknown device",
    run: () =>
      jacrow(
        loose((x: Tensor) => x),
        { device: "cuda" } as object,
      ),
    code: "JR452",
    says: /option device of jacrow takes "auto", "wasm".*got "cuda"/,
  },
  {
    name: "options that are no object",
    run: () =>
      jacrow(
        loose((x: Tensor) => x),
        3 as unknown as object,
      ),
    code: "JR450",
    says: /jacrow takes options as \{ device, .*got 3 \(at bad-input\.test\.ts:\d+\)/,
  },
  {
    name: "non-function",
    run: () => jacrow(loose({ f: 1 })),
    code: "JR400",
    says: /takes a function of one row/,
  },
  { name: "returns nothing", run: of(() => undefined), code: "JR342", says: /forget to write return/ },
  { name: "returns null", run: of(() => null), code: "JR342", says: /returned null/ },
  { name: "returns text", run: of(() => "y"), code: "JR342", says: /a string/ },
  {
    name: "returns a promise",
    run: of(async (x: Tensor) => x),
    code: "JR342",
    says: /async function cannot be traced/,
  },
  {
    name: "returns a nest with a hole",
    run: of((x: Tensor) => ({ y: x, z: undefined })),
    code: "JR342",
    says: /z of what/,
  },
  { name: "returns an empty nest", run: of(() => []), code: "JR341", says: /empty nest/ },
  {
    name: "returns a constant",
    run: of(() => 1),
    code: "JR346",
    says: /output y does not depend on x: it is a constant/,
  },
  {
    name: "x * 2",
    run: of((x: number) => x * 2),
    code: "JR307",
    says: /write x\.mul\(2\).*bad-input\.test\.ts:\d+/,
  },
  { name: "x + 1", run: of((x: number) => x + 1), code: "JR307", says: /write x\.add\(1\)/ },
  {
    name: "Math.sin(x) (F6)",
    run: of((x: number) => Math.sin(x)),
    code: "JR307",
    says: /sin\(x\) for Math\.sin\(x\)/,
  },
  { name: "x > 0 (F9)", run: of((x: number) => (x > 0 ? x : -x)), code: "JR307", says: /where\(gt\(x, 0\)/ },
  {
    name: "text of a value",
    run: of((x: Tensor) => `${x as unknown as string}`),
    code: "JR307",
    says: /neither text nor an index/,
  },
  {
    name: "JSON of a value",
    run: of((x: Tensor) => JSON.stringify(x)),
    code: "JR308",
    says: /no numbers yet/,
  },
  {
    name: "mutation of an entry",
    run: of((x: number[]) => {
      x[0] = 1;
      return x;
    }),
    code: "JR306",
    says: /values do not change/,
  },
  {
    name: "mutation of a field",
    run: of((x: { y: number }) => {
      x.y = 1;
      return x;
    }),
    code: "JR306",
    says: /values do not change/,
  },
  {
    name: "push",
    run: of((x: number[]) => {
      x.push(1);
      return x;
    }),
    code: "JR305",
    says: /use concat/,
  },
  { name: "no path (F6)", run: of((x: Tensor) => x.stopGradient()), code: "JR346", says: /allowZero: true/ },
  {
    name: "a comparison as output",
    run: of((x: Tensor) => gt(x, 0)),
    code: "JR346",
    says: /no differentiable path/,
  },
  {
    name: "one of two outputs without a path",
    run: of((x: Tensor) => ({ a: x, b: 3 })),
    code: "JR346",
    says: /output b/,
  },
  {
    name: "a mask as numbers",
    run: of((x: Tensor) => sin(loose(gt(x, 0)) as never)),
    code: "JR315",
    says: /where\(…\) or toFloat/,
  },
  {
    name: "numbers as a mask",
    run: of((x: Tensor) => where(x as never, 1, 2)),
    code: "JR314",
    says: /outcome of a comparison/,
  },
  {
    name: "undefined operand",
    run: of(([, , c]: Tensor[]) => sin(c as never)),
    code: "JR303",
    says: /take apart more entries.*bad-input/,
  },
  {
    name: "index outside",
    run: of((x: Tensor) => x.at(2)),
    code: "JR322",
    says: /index 2 is outside axis 0 of shape \(2,\)/,
  },
  {
    name: "shapes that do not broadcast",
    run: of((x: Tensor) => x.add([1, 2, 3])),
    code: "JR201",
    says: /\(2,\) and \(3,\).*bad-input\.test\.ts:\d+/,
  },
  {
    name: "matmul that does not fit",
    run: of((x: Tensor) => x.matmul([[1], [2], [3]])),
    code: "JR331",
    says: /\(2,\) does not meet \(3, 1\)/,
  },
  {
    name: "ragged constants",
    run: of((x: Tensor) => x.add([[1, 2], [3]] as never)),
    code: "JR304",
    says: /ragged array/,
  },
  {
    name: "axis outside",
    run: of((x: Tensor) => x.sum({ axis: 1 })),
    code: "JR310",
    says: /axis 1 is outside shape \(2,\)/,
  },
  {
    name: "an axis where options are",
    run: of((x: Tensor) => x.max(0 as never)),
    code: "JR450",
    says: /maximum\(a, b\)/,
  },
  { name: "a value leaked from another trace", run: leak, code: "JR301", says: /no longer being traced/ },
  { name: "values outside of a trace", run: () => sin(1), code: "JR302", says: /nothing is being traced/ },
  {
    name: "jacobian called on numbers",
    run: () => jacobian(sin as never)(...([[1, 2]] as never)),
    code: "JR302",
    says: /jacrow\(\)/,
  },
  {
    name: "wrong column count, [a, b] of 3",
    run: of(([a, b]: Row<2>) => stack([mul(a, b)]), [[1, 2, 3]]),
    code: "JR343",
    says: /2 of the 3 entries.*pass rows of 2/,
  },
  {
    name: "wrong column count, x.at(i) and x[i] of 3",
    run: of((x: Row<2>) => stack([mul(x.at(0), x[1])]), [[1, 2, 3]]),
    code: "JR343",
    says: /2 of the 3 entries.*pass rows of 2/,
  },
  {
    name: "wrong column count, matrix",
    run: of((x: Tensor) => x.matmul([[1], [2]]), [[1, 2, 3]]),
    code: "JR331",
    says: /\(3,\)/,
  },
  { name: "ragged rows", run: of((x: Tensor) => x, [[1, 2], [3]]), code: "JR129", says: /ragged/ },
  { name: "empty without a shape", run: of((x: Tensor) => x, []), code: "JR121", says: /shape: \[0, d\]/ },
  {
    name: "one row where rows are meant",
    run: of(([a, b]: Row<2>) => a.mul(b), [1, 2]),
    code: "JR309",
    says: /write \[x\] or J\.one\(x\)/,
  },
  { name: "rows that are text", run: of((x: Tensor) => x, "rows"), code: "JR122", says: /got/ },
  {
    name: "unknown wrt",
    run: () => jacrow((x: Tensor) => x, { device, wrt: "u" }).sync(X),
    code: "JR345",
    says: /no argument u; it has x/,
  },
  {
    name: "unknown shared",
    run: () => jacrow((x: Tensor) => x, { device, shared: ["p"] }).sync(X),
    code: "JR403",
    says: /the call has x/,
  },
  {
    name: "only shared inputs",
    run: () => jacrow((x: Tensor) => x, { device, shared: [0] }).sync(X),
    code: "JR404",
    says: /at least one must have rows/,
  },
  {
    name: "different numbers of rows",
    run: () => jacrow((x: Tensor, u: Tensor) => x.mul(u), { device }).sync(X, [[1, 2]]),
    code: "JR405",
    says: /x0 has 2 rows, but x1 has 1/,
  },
  {
    name: "missing argument",
    run: () =>
      jacrow((x: Tensor, u: Tensor) => x.mul(u), { device }).sync(
        ...([X] as never as [number[][], number[][]]),
      ),
    code: "JR442",
    says: /2 arguments, got 1/,
  },
  {
    name: "outputs outside",
    run: () => jacrow((x: Tensor) => x, { device, outputs: [2] }).sync(X),
    code: "JR423",
    says: /\(2,\)/,
  },
  {
    name: "F12: too wide a Jacobian",
    run: () => jacrow(() => 0 as never as Tensor, { device }) && wide(),
    code: "JR410",
    says: /Z would be 602 MB per row; for one class use outputs: \[i\], or vjp/,
  },
  {
    name: "F12: too many rows",
    run: () =>
      jacrow((x: Tensor) => x.sin(), { device, maxBytes: 1e3 }).sync([
        Array.from({ length: 10 }, () => 1),
        Array.from({ length: 10 }, () => 1),
      ]),
    code: "JR411",
    says: /2 rows would be 1\.6 kB/,
  },
  {
    name: "bind without a shape",
    run: () => jacrow((x: Tensor) => x, { device }).bind({ n: 2 }),
    code: "JR443",
    says: /inputs: \[d\]/,
  },
  {
    name: "bind without n",
    run: () => jacrow((x: Tensor) => x, { device }).bind({ inputs: [2] } as never),
    code: "JR440",
    says: /whole number of rows/,
  },
  {
    name: "checkJacobian of a non-function",
    run: () => checkJacobian(3 as never, X),
    code: "JR400",
    says: /takes a function/,
  },
];

function leak(): unknown {
  rows(
    (x: Tensor) => {
      leaked = x;
      return x.sin();
    },
    { device },
  ).sync(X);
  return rows((x: Tensor) => x.add(leaked as Tensor), { device }).sync(X);
}

/** A classifier of 1000 outputs over 3 × 224 × 224 inputs in float32: 602 MB per row. */
function wide(): unknown {
  const pixels = 3 * 224 * 224;
  const classifier = (x: Tensor): Tensor => sum(x).add(new Float64Array(1000));
  return jacrow(classifier, { device, dtype: "f32" }).explain({ inputs: [pixels] });
}

describe("bad input", () => {
  test.each(cases)("$name", ({ run, code, says }) => {
    let caught: unknown;
    try {
      run();
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(UsageError);
    const { code: found, message } = caught as UsageError;
    expect(`${found} ${message}`).toContain(code);
    expect(message).toMatch(says);
  });

  test("async calls reject with the same errors", async () => {
    await expect(
      jacrow(
        loose(() => undefined),
        { device },
      )(X),
    ).rejects.toThrow("JR342");
  });

  test("a failed trace leaves nothing behind", () => {
    const J = jacrow((x: Tensor) => (x.shape[0] === 2 ? x.sin() : x.at(9)), { device });
    expect(() => J.sync([[1, 2, 3]])).toThrow("JR322");
    expect(J.sync(X).shape).toEqual([2, 2, 2]);
    expect(() => sin(1)).toThrow("JR302");
  });

  test("NaN rows give NaN where they matter, and only there", () => {
    const Z = jacrow((x: Row<2>) => stack([x[0].square(), x[1].square()]), { device }).sync([
      [Number.NaN, 1],
      [2, 3],
    ]);
    expect([...Z.data]).toEqual([Number.NaN, 0, 0, 2, 4, 0, 0, 6]);
  });

  test("zeros that are meant need allowZero", () => {
    const Z = jacrow((x: Tensor) => x.stopGradient(), { device, allowZero: true }).sync(X);
    expect([...Z.data]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test("F4: rows cannot interact, there is no axis of rows to reduce over", () => {
    const f = (x: Tensor): Tensor => x.sub(x.mean());
    const both = jacrow(f, { device }).sync([
      [1, 2],
      [5, 9],
    ]);
    const alone = jacrow(f, { device }).sync([[5, 9]]);
    expect(both.row(1).toArray()).toEqual(alone.row(0).toArray());
  });

  test("F15: the checker uses float64, so right code passes", () => {
    const f = (x: Tensor): Tensor => x.mul(1000).sin().exp();
    expect(checkJacobian(f, [[0.3, -0.2]]).ok).toBe(true);
  });
});

test("out for a call that returns new arrays is refused", async () => {
  const J = jacrow((x: Row<2>) => x, { device }) as (...args: unknown[]) => Promise<unknown>;
  await expect(J(X, { out: new Float64Array(8) })).rejects.toThrow(/JR454.*J\.sync/);
});
