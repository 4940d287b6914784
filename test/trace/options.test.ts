/**
 * What plain JavaScript can pass wrongly to traced functions: misspelt options, values of another kind, arguments too
 * many. Each is one `UsageError` that names the function and what it takes; nothing is ignored.
 */

import { describe, expect, test } from "vitest";
import * as jacrow from "../../src/index.ts";
import { type Tensor, UsageError } from "../../src/index.ts";
import { functionRules, methodRules, type Signature } from "../../src/trace/option-rules.ts";
import { valueOf } from "./evaluate.ts";

/** Wrong on purpose, past the compiler. */
interface Loose {
  readonly [name: string]: (...args: unknown[]) => Applied;
}
type Applied = Loose & ((x: Tensor) => unknown);
const m = jacrow as unknown as Loose;
const loose = (x: unknown): Loose => x as Loose;
const square = (x: Tensor): Tensor => x.mul(x);

/** The message of the one error that tracing `f` on a 2×3 row gives. */
function refusal(f: (x: Tensor) => unknown): string {
  try {
    jacrow.rows(f as (x: Tensor) => Tensor, { device: "interpreter" }).sync([
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ]);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }
  return "accepted";
}

const wrong: readonly (readonly [(x: Tensor) => unknown, RegExp])[] = [
  [
    (x) => m.softmax!(x, { dim: 0 }),
    /softmax has no option dim; it has axis \(a whole number\); .*mean axis\?/,
  ],
  [(x) => m.layerNorm!(x, { eps: 1 }), /layerNorm has no option eps.*did you mean epsilon\?/],
  [(x) => m.layerNorm!(x, { weight: [1, 2, 3] }), /did you mean scale\?/],
  [(x) => m.rmsNorm!(x, { epsilon: "1" }), /option epsilon of rmsNorm takes a number, got "1"/],
  [(x) => m.std!(x, { ddof: 1 }), /std has no option ddof.*did you mean correction\?/],
  [(x) => m.variance!(x, { unbiased: true }), /did you mean correction\?/],
  [(x) => m.norm!(x, { ord: 1 }), /norm has no option ord.*did you mean order\?/],
  [
    (x) => m.norm!(x, 1),
    /norm takes options as \{ order, axis, keepDims \}, got 1; did you mean \{ order: 1 \}\?/,
  ],
  [(x) => m.softplus!(x, 3), /softplus takes options as \{ beta, threshold \}, got 3; .*\{ beta: 3 \}\?/],
  [(x) => m.gelu!(x, { approximate: "none" }), /approximate of gelu takes true .* or false .*, got "none"/],
  [(x) => m.leakyRelu!(x, { negativeSlope: 1 }), /leakyRelu takes slope as a number, got an object/],
  [(x) => m.elu!(x, "1"), /elu takes alpha as a number, got "1"/],
  [(x) => m.clip!(x, 0, 1, 2), /clip takes 2 besides its value, and nothing after it; got 2 too/],
  [(x) => m.sum!(x, { axes: [0] }), /sum has no option axes.*did you mean axis\?/],
  [(x) => m.sum!(x, { axis: 0, keepdim: true }), /did you mean keepDims\?/],
  [(x) => m.mean!(x, { keep_dims: true }), /did you mean keepDims\?/],
  [(x) => m.sum!(x, { keepDims: 1 }), /keepDims of sum takes true or false, got 1/],
  [(x) => m.sum!(x, { axis: "0" }), /axis of sum takes a whole number or an array of them, got "0"/],
  [(x) => m.sum!(x, { axis: 2 }), /axis 2 is outside shape \(2, 3\)/],
  [(x) => m.sum!(x, 0, true), /sum takes options/],
  [(x) => m.sum!(x, { axis: 0 }, true), /sum takes \{ axis, keepDims \}, and nothing after it; got true too/],
  [(x) => m.sum!(x, null), /sum takes options as .*, got null/],
  [(x) => m.max!(x, x), /max takes options .* got a traced value; for the larger .* maximum\(a, b\)/],
  [(x) => m.logsumexp!(x, { axis: 0.5 }), /axis of logsumexp takes a whole number/],
  [(x) => m.cumsum!(x, 1), /cumsum takes options as \{ axis \}, got 1; did you mean \{ axis: 1 \}\?/],
  [
    (x) => m.slice!(x, 1, 3),
    /slice takes options as \{ start, end, axis, step \}, got 1; .*\{ start: 1 \}\?/,
  ],
  [(x) => m.slice!(x, { start: 0, stop: 1 }), /slice has no option stop.*did you mean end\?/],
  [(x) => loose(x).slice!(0, 1, 1), /slice takes options as \{ axis, step \}, got 1/],
  [(x) => loose(x).slice!({ start: 0 }), /slice takes start as a whole number, got an object/],
  [(x) => m.stack!(x, x), /stack takes options as \{ axis \}, got a traced value/],
  [(x) => m.concat!([x, x], { dim: 1 }), /concat has no option dim.*did you mean axis\?/],
  [(x) => m.concat!([x, x], 1), /did you mean \{ axis: 1 \}\?/],
  [(x) => m.take!(x, [0], { dim: 1 }), /take has no option dim/],
  [(x) => m.reshape!(x, 3, 2), /reshape takes shape as an array of whole numbers, got 3/],
  [(x) => m.broadcastTo!(x, "23"), /broadcastTo takes shape as/],
  [(x) => m.transpose!(x, 1, 0), /transpose takes order as an array of whole numbers, got 1/],
  [(x) => m.squeeze!(x, 0), /squeeze takes options as \{ axis \}/],
  [(x) => m.unsqueeze!(x, { axis: 0 }), /unsqueeze takes axis as a whole number, got an object/],
  [(x) => m.flip!(x, { axes: 0 }), /flip has no option axes/],
  [(x) => m.roll!(x, 1, 0), /roll takes options as \{ axis \}, got 0/],
  [(x) => m.roll!(x, 1.5), /roll takes shift as a whole number/],
  [(x) => m.pad!(x, 1), /pad takes widths as an array of pairs/],
  [(x) => m.flatten!(x, { startDim: 1 }), /flatten takes nothing more/],
  [
    (x) => loose(x).flatten!(1),
    /flatten takes no arguments besides its value, and nothing after it; got 1 too/,
  ],
  [(x) => m.trace!(x, { offset: 1 }), /trace takes nothing more/],
  [(x) => m.add!(x, x, x), /add takes nothing more, got a traced value/],
  [(x) => loose(x).add!(x, x), /add takes 1 besides its value, and nothing after it; got a traced value too/],
  [(x) => loose(x).round!(2), /round takes no arguments besides its value.*got 2 too/],
  [(x) => m.lt!(x, 0, x), /lt takes nothing more/],
  [(x) => loose(jacrow.gt(x, 0)).any!({ dim: 0 }), /any has no option dim/],
  [
    (x) => m.jacobian!(square, { wtr: "x" })(x),
    /jacobian has no option wtr; it has wrt .*did you mean wrt\?/,
  ],
  [(x) => m.jacobian!(square, { argnums: 0 })(x), /did you mean wrt\?/],
  [
    (x) => m.jacobian!(square, 0)(x),
    /jacobian takes options as \{ wrt, allowZero \}, got 0; .*\{ wrt: 0 \}\?/,
  ],
  [(x) => m.valueAndJacobian!(square, { allowzero: true })(x), /valueAndJacobian has .*mean allowZero\?/],
  [(x) => m.hessian!(square, { allowZero: 1 })(x), /allowZero of hessian takes true or false, got 1/],
  [(x) => m.custom!(square, { jvp: square, vjp: square })(x), /custom has no option vjp; it has jvp/],
  [(x) => m.smooth!(square, { beta: 1, k: 2 })(x), /smooth has no option k; it has beta/],
  [(x) => m.scan!(square, x, { steps: 2, reverse: true }), /scan has no option reverse; it has steps/],
  [(x) => m.scan!(square, x, { steps: 2.5 }), /steps of scan takes a whole number/],
  [
    (x) => m.scan!((c: Tensor, y: Tensor) => [c.add(y)], [0, 0, 0], x, { reverse: true }),
    /and nothing after it/,
  ],
];

describe("options", () => {
  test.each(wrong.map(([f, says]) => ({ name: String(f).slice(7), f, says })))("$name", ({ f, says }) => {
    const message = refusal(f);
    expect(message).toMatch(says);
    expect(message).toMatch(/\(at options\.test\.ts:\d+\)/);
  });

  const signatures = { ...methodRules, ...functionRules };
  const withOptions = Object.entries(signatures).filter(([, { options }]) => options !== undefined);
  test.each(withOptions)("%s refuses a key that nobody knows", (name, signature) => {
    const args = [...operandsOf(signature), { nonsense: 1 }];
    const message = refusal((x) => {
      if (name in functionRules) return callFunction(name, x, { nonsense: 1 });
      const owner = name === "any" || name === "all" ? jacrow.gt(x, 0) : x;
      return loose(owner)[name]!(...args);
    });
    expect(message).toMatch(new RegExp(`${name} has no option nonsense; it has \\w+`));
  });

  test("undefined is as good as absent", () => {
    const f = (x: Tensor): Tensor =>
      m.add!(
        m.sum!(x, undefined),
        m.norm!(x, { order: undefined, axis: undefined }, undefined),
      ) as unknown as Tensor;
    expect(valueOf(f, [3, 4])).toEqual([12]);
  });

  test("functions of operands alone go to map, reduce and Array.from", () => {
    const f = ([...xs]: Tensor): Tensor =>
      jacrow.stack([
        ...xs.map(jacrow.neg),
        xs.reduce(jacrow.add),
        ...Array.from(xs, jacrow.square),
        ...xs.map(jacrow.flatten).map((x) => x.sum()),
      ] as Tensor[]);
    expect(valueOf(f, [3, 4])).toEqual([-3, -4, 7, 9, 16, 3, 4]);
  });

  test("a method's own name and meaning stay", () => {
    expect(
      valueOf((x) => x.slice(1, undefined, { step: 1 }).roll(1).sum({ keepDims: true }), [3, 4]),
    ).toEqual([4]);
    expect(jacrow.rows((x: Tensor) => (x.max.name === "max" ? x : x.neg())).one([1, 2]).data).toEqual(
      Float64Array.from([1, 2]),
    );
  });
});

function operandsOf({ operands = 0, given = {} }: Signature): unknown[] {
  return [...Array(operands).fill([0]), ...Object.keys(given).map(() => undefined)];
}

function callFunction(name: string, x: Tensor, options: object): unknown {
  if (name === "scan") return m.scan!(square, x, { steps: 1, ...options });
  if (name === "custom") return m.custom!(square, { jvp: square, ...options })(x);
  const made = m[name]!(["stack", "concat"].includes(name) ? [x] : name === "slice" ? x : square, options);
  return typeof made === "function" ? made(x) : made;
}
