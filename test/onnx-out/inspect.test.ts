/** `jacrow inspect`: verdicts per output, and the picture of the graph. */

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { layered } from "../../src/api/graph-layout.ts";
import { range } from "../../src/ir/shape.ts";
import { fixture, jacrow, newFolder } from "../cli/helpers.ts";
import { model } from "../onnx/encode.ts";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);

describe("layout", () => {
  const edges = [
    [0, 1],
    [0, 2],
    [1, 3],
    [2, 3],
    [0, 3],
    [3, 4],
    [0, 4],
  ].map(([from, to]) => ({
    from: from as number,
    to: to as number,
  }));
  const widths = [60, 100, 40, 60, 60];
  const tall = (width: number): { width: number; height: number } => ({ width, height: 20 });
  const { boxes, routes } = layered(widths.map(tall), edges, { layer: 30, gap: 10 });

  it("edges lead down, one layer at a time", () => {
    for (const route of routes)
      for (const step of range(route.length - 1))
        expect((route[step + 1]?.y ?? 0) - (route[step]?.y ?? 0)).toBe(50);
    expect(routes[6]).toHaveLength(4);
  });

  it("boxes of a layer keep their distance", () => {
    for (const a of range(5))
      for (const b of range(a)) {
        const [p, q] = [boxes[a], boxes[b]] as [{ x: number; y: number }, { x: number; y: number }];
        if (p.y === q.y)
          expect(Math.abs(p.x - q.x)).toBeGreaterThanOrEqual(
            ((widths[a] as number) + (widths[b] as number)) / 2 + 10 - 1e-9,
          );
      }
  });

  it("a chain is a straight line, and nothing is nothing", () => {
    const chain = layered(
      [30, 90, 50].map(tall),
      [
        { from: 0, to: 1 },
        { from: 1, to: 2 },
      ],
      { layer: 1, gap: 1 },
    );
    expect(new Set(chain.boxes.map(({ x }) => x)).size).toBe(1);
    expect(layered([tall(30)], [], { layer: 1, gap: 1 })).toMatchObject(tall(30));
  });
});

describe("inspect", () => {
  it("tells the batch axis of inputs and outputs", async () => {
    const { out } = await jacrow("inspect", fixture("gru/model.onnx"));
    expect(out).toMatch(/input +\S+: rows of \(.*\), float32, batch axis \d/);
    expect(out).toMatch(/output +\S+: rows of \(.*\), float32, batch axis \d/);
  });

  it("judges every output alone where one of them mixes rows", async () => {
    const bytes = model({
      inputs: { x: ["n", 3] },
      outputs: ["good", "bad"],
      nodes: [
        ["Exp", ["x"], ["good"]],
        ["ReduceMean", ["x"], ["bad"], { axes: [0], keepdims: 0 }],
      ],
      opset: 13,
    });
    writeFileSync(file("two.onnx"), bytes);
    const { code, out } = await jacrow("inspect", file("two.onnx"));
    expect(code).toBe(3);
    expect(out).toContain("input   x: (n, 3) as declared");
    expect(out).toContain("output good: rows are independent of each other");
    expect(out).toMatch(/output bad cannot be had: ReduceMean .* mixes rows/);
    const { rowWise } = JSON.parse((await jacrow("inspect", file("two.onnx"), "--json")).out);
    expect(rowWise).toMatchObject([
      { output: "good", rowWise: true },
      { output: "bad", rowWise: false },
    ]);
  });

  it("draws every operator, the one to blame in red, and escapes names", async () => {
    await jacrow("inspect", fixture("mixes_gram/model.onnx"), "--svg", file("gram.svg"));
    const svg = readFileSync(file("gram.svg"), "utf8");
    expect(svg.match(/>MatMul</g)).toHaveLength(3);
    expect(svg.match(/stroke="#c00"/g)).toHaveLength(1);
    const odd = model({ inputs: { "a<b>&": ["n", 2] }, outputs: ["y"], nodes: [["Tanh", ["a<b>&"], ["y"]]] });
    writeFileSync(file("odd.onnx"), odd);
    expect((await jacrow("inspect", file("odd.onnx"), "--svg", file("odd.svg"))).code).toBe(0);
    expect(readFileSync(file("odd.svg"), "utf8")).toContain(">a&lt;b&gt;&amp;<");
    expect((await jacrow("inspect", file("odd.onnx"), "--svg", file("odd.svg"))).code).toBe(4);
  });

  it("marks operators that jacrow lacks", async () => {
    const bytes = model({
      inputs: { x: ["n", 2] },
      outputs: ["y"],
      nodes: [
        ["Tanh", ["x"], ["h"]],
        ["custom.Strange", ["h"], ["y"]],
      ],
    });
    writeFileSync(file("strange.onnx"), bytes);
    expect((await jacrow("inspect", file("strange.onnx"), "--svg", file("strange.svg"))).code).toBe(3);
    expect(readFileSync(file("strange.svg"), "utf8")).toMatch(
      /stroke="#c00"[^>]*\/><text[^>]*>custom\.Strange</,
    );
  });
});
