/** toRows: what counts as rows, what keeps its memory, and the message of each mistake. */

import { describe, expect, it } from "vitest";
import { NdArray, type RowsInput, type RowsOptions, toRows } from "../../src/data/ndarray.ts";
import { UsageError } from "../../src/errors.ts";

describe("accepted", () => {
  it("nested arrays are f64", () => {
    const rows = toRows([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(rows).toEqual({ data: Float64Array.of(1, 2, 3, 4, 5, 6), n: 2, rowShape: [3], dtype: "f64" });
  });

  it("(n,) is n scalar rows", () => {
    expect(toRows([1, 2, 3], [])).toMatchObject({ n: 3, rowShape: [] });
    expect(toRows([1, 2, 3])).toMatchObject({ n: 3, rowShape: [] });
    expect(toRows(Float32Array.of(1, 2), [])).toMatchObject({ n: 2, rowShape: [], dtype: "f32" });
  });

  it("float arrays pass through without a copy", () => {
    const data = Float32Array.of(1, 2, 3, 4);
    expect(toRows({ data, shape: [2, 2] }).data).toBe(data);
    expect(toRows(new NdArray(data, [4]), []).data).toBe(data);
    expect(toRows({ data, shape: [2, 2] }, [2], { dtype: "f64" }).data).toEqual(Float64Array.of(1, 2, 3, 4));
  });

  it("integers are converted, rows may be typed arrays", () => {
    expect(toRows({ data: Uint8Array.of(1, 255), shape: [2, 1] })).toMatchObject({
      data: Float64Array.of(1, 255),
      dtype: "f64",
    });
    expect(toRows({ data: BigInt64Array.of(-3n), shape: [1] }).data).toEqual(Float64Array.of(-3));
    expect(toRows([Float32Array.of(1, 2), Float32Array.of(3, 4)])).toMatchObject({
      dtype: "f32",
      rowShape: [2],
    });
    expect(toRows([Float32Array.of(1, 2), [0.1, 4]])).toMatchObject({ dtype: "f64" });
    expect(toRows([[Float32Array.of(1)], [[0.1]]]).data).toEqual(Float64Array.of(1, 0.1));
    expect(toRows([[BigInt64Array.of(1n, 2n)]]).data).toEqual(Float64Array.of(1, 2));
  });

  it("no rows are legal where the row shape is known", () => {
    expect(toRows([], [3])).toMatchObject({ n: 0, rowShape: [3] });
    expect(toRows({ data: new Float32Array(0), shape: [0, 3] })).toMatchObject({
      n: 0,
      rowShape: [3],
      dtype: "f32",
    });
    expect(toRows([[], []])).toMatchObject({ n: 2, rowShape: [0] });
  });

  it("reads what NdArray writes as JSON", () => {
    const json = JSON.stringify(new NdArray(Float64Array.of(1, 2, 3, 4), [2, 2]));
    expect(toRows(JSON.parse(json)).data).toEqual(Float64Array.of(1, 2, 3, 4));
  });
});

const mistakes: [input: unknown, row: number[] | undefined, message: string, options?: RowsOptions][] = [
  [[[1, 2], [3]], undefined, "JR129: ragged rows: X[1] has 1 entries, X[0] has 2"],
  [
    [
      [[1], [2]],
      [[3], [4, 5]],
    ],
    undefined,
    "ragged rows: X[1][1] has 2 entries, X[0][0] has 1",
  ],
  [
    [new Float64Array(1e6), ...Array.from({ length: 1e5 }, () => [1])],
    undefined,
    "ragged rows: X[1] has 1 entries",
  ],
  [
    [
      [[1], [2]],
      [[3], ["x"]],
    ],
    undefined,
    'JR133: X[1][1][0] is the string "x"',
  ],
  [[[1, 2], 3], undefined, "JR128: X[1] is the number 3, but X[0] is an array of 2"],
  [[1, [2]], undefined, "JR128: X[1] is an array of 1, but its siblings are numbers"],
  [[[1, "2"]], undefined, 'JR133: X[0][1] is the string "2", not a number; convert it with Number(…)'],
  [[[1, null]], undefined, "JR133: X[0][1] is null, not a number"],
  [[[1, undefined]], undefined, "X[0][1] is undefined, not a number"],
  [[[1, 2n]], undefined, "X[0][1] is the bigint 2n, not a number"],
  [[[1, {}]], undefined, "X[0][1] is an object, not a number"],
  [[[true]], undefined, "X[0][0] is the boolean true, not a number"],
  [
    [[1, 2]],
    [3],
    "JR131: X has 2 columns, but the function takes rows of 3: expected shape (n, 3), got (1, 2)",
  ],
  [[1, 2, 3], [3], "JR130: X is one row of shape (3,) where rows of shape (3,) are meant; did you mean [x]?"],
  [[1, 2], [3], "JR132: X has shape (2,), but rows of shape (3,) are meant: expected (n, 3)"],
  [[[1], [2]], [], "JR132: X has shape (2, 1), but rows of shape () are meant: expected (n,)"],
  [[], undefined, "JR121: X is [], which does not tell the shape of a row"],
  [
    new Float64Array(6),
    [3],
    "JR123: X is a Float64Array of 6 without a shape; pass { data: X, shape: [n, 3] }",
  ],
  [new Float64Array(6), undefined, "or shape: [6] for rows of one number each"],
  [
    { data: new Float64Array(5), shape: [2, 3] },
    undefined,
    "JR126: X.shape is (2, 3), 6 numbers, but X.data has 5",
  ],
  [
    { data: new Float64Array(1), shape: [] },
    undefined,
    "JR120: X is one number where rows are meant; did you mean [x]?",
  ],
  [{ data: [1, "a"], shape: [2] }, undefined, 'JR133: X.data[1] is the string "a"'],
  [{ data: "12", shape: [2] }, undefined, "JR125: X.data must be a typed array"],
  [{ data: [1], shape: 1 }, undefined, "JR124: X.shape must be an array"],
  [{ data: [1], shape: [1.5] }, undefined, "JR113"],
  [
    { data: BigInt64Array.of(1n, 2n ** 60n + 1n), shape: [2] },
    undefined,
    "JR127: X: entry 1, 1152921504606846977",
  ],
  [
    5,
    undefined,
    "JR122: X must be rows (nested arrays or { data, shape }), got the number 5; did you mean [x]?",
  ],
  [() => 1, undefined, "got a function"],
  [null, undefined, "got null"],
  [undefined, undefined, "got undefined"],
  ["1,2", undefined, 'got the string "1,2"'],
  [new DataView(new ArrayBuffer(8)), undefined, "got an object"],
  [new Map(), undefined, "got an object"],
  [[[1, 2], [3]], undefined, "ragged rows: u[1]", { name: "u" }],
];

describe("refused", () => {
  it.each(mistakes.map((mistake) => ({ message: mistake[2], mistake })))(
    "$message",
    ({ mistake, message }) => {
      const [input, row, , options] = mistake;
      const call = (): unknown => toRows(input as RowsInput, row, options);
      expect(call).toThrow(UsageError);
      expect(call).toThrow(message);
    },
  );
});
