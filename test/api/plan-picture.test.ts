/** Pictures of plans: well-formed, complete, without overlaps, and right about cuts and modes. */

import { describe, expect, test } from "vitest";
import { eliminationTasks, programOfTask } from "../../bench/tasks/elimination.ts";
import { attention, chain, residual, twoHeads } from "../../bench/tasks/networks.ts";
import { planPicture, providePictures } from "../../src/api/plan-picture.ts";
import { planGraph, planJacobian } from "../../src/autodiff/index.ts";
import { jacrow, type Row, rows, scan, sin, type Tensor, tanh } from "../../src/index.ts";
import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { at, range } from "../../src/ir/shape.ts";
import type { Node, Program } from "../../src/ir/types.ts";

providePictures();

/** Fails on tags that do not close, on stray marks and on bare ampersands. */
function expectWellFormed(xml: string): void {
  const open: string[] = [];
  const tag = /<(\/?)([a-z]+)(?: [a-zA-Z-]+="[^"<&]*")*(\/?)>/g;
  for (const [, close, name = "", lone] of xml.replace(/&(amp|lt|gt|quot);/g, "").matchAll(tag)) {
    if (close !== "") expect(open.pop()).toBe(name);
    else if (lone === "") open.push(name);
  }
  expect(open).toEqual([]);
  expect(xml.replace(/&(amp|lt|gt|quot);/g, "").replace(tag, "")).not.toMatch(/[<>&]/);
}

const pictureOf = (program: Program): string => {
  const { plan, material } = planJacobian(program, { wrt: [0] });
  return planPicture(program.name, plan, material);
};

/** Boxes as drawn: the first rectangle of each group with a tooltip. */
function boxesOf(svg: string): number[][] {
  const found = svg.matchAll(
    /<\/title><rect x="([-\d.]+)" y="([-\d.]+)" width="([-\d.]+)" height="([-\d.]+)"/g,
  );
  return [...found].map((match) => match.slice(1).map(Number));
}

function expectApart(boxes: readonly number[][]): void {
  boxes.forEach(([x = 0, y = 0, w = 0, h = 0], index) => {
    const hit = boxes
      .slice(0, index)
      .find(([u = 0, v = 0, m = 0, n = 0]) => x < u + m && u < x + w && y < v + n && v < y + h);
    expect(hit).toBeUndefined();
  });
}

describe.each([
  chain([784, 256, 32, 256, 784]),
  residual({ in: 40, width: 16, out: 40, blocks: 2 }),
  twoHeads({ in: 8, width: 64, heads: [1, 10] }),
  attention({ tokens: 8, width: 16, inner: 8, out: 4 }),
  ...eliminationTasks.map(programOfTask),
])("$name", (program) => {
  const { plan, material } = planJacobian(program, { wrt: [0] });
  const { vertices, edges } = planGraph(material);
  const svg = planPicture(program.name, plan, material);

  test("every value is drawn once, with its place in the order, and nothing overlaps", () => {
    expectWellFormed(svg);
    const chips = (svg.match(/<title>local Jacobian/g) ?? []).length;
    expect(boxesOf(svg).length - chips).toBe(vertices.length);
    expect(svg.match(/eliminated as number \d+/g)).toHaveLength(plan.vertices);
    expect((svg.match(/<path d="M/g) ?? []).length).toBeGreaterThanOrEqual(edges.length);
    expectApart(boxesOf(svg));
  });

  test("the order numbers are those of an elimination", () => {
    const orders = vertices.flatMap(({ order }) => order ?? []);
    expect(orders.sort((x, y) => x - y)).toEqual(range(plan.vertices).map((index) => index + 1));
    expect(edges.every(({ from, to }) => from < to)).toBe(true);
  });
});

test("an autoencoder: reverse into the bottleneck, forward out of it, cut there", () => {
  const { material } = planJacobian(chain([784, 256, 32, 256, 784]), { wrt: [0] });
  const ways = planGraph(material)
    .vertices.map(({ how, shape }) => `${how} ${shape.join()}`)
    .filter((way) => !way.startsWith("undefined"));
  expect(ways).toEqual([
    ...range(3).map(() => "reverse 256"),
    "cut 32",
    ...range(2).map(() => "forward 32"),
    ...range(3).map(() => "forward 256"),
    ...range(2).map(() => "forward 784"),
  ]);
});

test("names are escaped", () => {
  const b = new Builder();
  const x = b.input('a<b>&"c"', [3]);
  const svg = pictureOf(programOf("<&>", [x], [{ name: "y & z", value: b.unary("sin", x) }]));
  expectWellFormed(svg);
  expect(svg).toContain("&lt;&amp;&gt;: ");
  expect(svg).toContain(">a&lt;b&gt;&amp;&quot;c&quot;[0]<");
});

test("a large graph is drawn in groups that count every value", () => {
  const b = new Builder();
  const x = b.input("x", [2]);
  const entry = (index: number): Node =>
    b.reshape(b.slice(x, { starts: [index], steps: [1], shape: [1] }), []);
  const [u, v] = [entry(0), entry(1)];
  const y = range(600).reduce((h: Node, step) => b.unary("sin", step % 3 === 0 ? b.mul(h, v) : h), u);
  const program = programOf("deep", [x], [{ name: "y", value: y }]);
  const svg = pictureOf(program);
  expectWellFormed(svg);
  expectApart(boxesOf(svg));
  const counted = [...svg.matchAll(/>(\d+) values, /g)].map((match) => Number(match[1]));
  const alone = (svg.match(/eliminated as number \d+/g) ?? []).length;
  expect(counted.reduce((sum, each) => sum + each, 0) + alone).toBe(
    planJacobian(program, { wrt: [0] }).plan.vertices,
  );
  expect(boxesOf(svg).length).toBeLessThan(60);
});

describe("J.explain", () => {
  const J = jacrow((x: Row<3>): Tensor => tanh(sin(x)), { device: "wasm" });
  const inputs = [3];

  test("gives the picture, and the facts as JSON", () => {
    expectWellFormed(J.explain({ inputs, format: "svg" }));
    const facts = JSON.parse(J.explain({ inputs, format: "json" }));
    expect(facts).toMatchObject({ dtype: "f64", resultBytes: 72, plan: { vertices: expect.any(Number) } });
    expect(facts.scratchBytesPerRow).toBeGreaterThanOrEqual(0);
  });

  test("a loop is drawn as a scan", () => {
    const end = (x: Row<3>): Tensor => scan((now) => [sin(now)], x, { steps: 5000 })[0];
    expect(jacrow(end).explain({ inputs, format: "svg" })).toContain(">scan<");
  });

  test("counts both modes where one is asked for", () => {
    const text = jacrow((x: Row<3>): Tensor => tanh(sin(x)), { mode: "forward" }).explain({ inputs });
    expect(text).toMatch(/^\* forward/m);
    expect(text).toMatch(/^ {2}reverse/m);
    expect(text).toContain("why: forward mode was asked for");
  });

  test("says what a tile keeps once it is compiled", () => {
    expect(J.explain({ inputs })).toMatch(/scratch: \S+ \w+ per row$/m);
    J.sync([[1, 2, 3]]);
    expect(J.explain({ inputs })).toMatch(/scratch: .* per tile of \d+ rows$/m);
    const end = (x: Row<3>): Tensor => scan((now) => [sin(now)], x, { steps: 5000 })[0];
    expect(jacrow(end).explain({ inputs })).toMatch(/scratch: [1-9]\d* bytes per row$/m);
  });

  test("a function that is not differentiated has no plan to draw", () => {
    expect(() => rows((x: Row<3>) => sin(x)).explain({ inputs, format: "svg" })).toThrow("JR459");
    expect(at(J.explain({ inputs }).split("\n"), 0)).toContain("float64");
  });
});
