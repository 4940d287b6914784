/** Arms written as products of their joints' matrices, whose entries are cosines, sines, zeros and numbers. */

import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { range } from "../../src/ir/shape.ts";
import type { Node, Program } from "../../src/ir/types.ts";
import type { Random } from "../ir/random.ts";

/** The hand's 4 × 4 matrix over the angles of so many joints. */
export function arm(joints: number, draw: Random): Program {
  const b = new Builder();
  const q = b.input("q", [joints]);
  const links = range(joints).map((joint) => link(b, b.part(q, { axis: 0, start: joint, count: 1 }), draw));
  const hand = links.reduce((x, y) => b.contract(x, y, { a: [0, 1], b: [1, 2], out: [0, 2] }));
  return programOf("arm", [q], [{ name: "hand", value: hand }]);
}

/** Denavit and Hartenberg's matrix of one joint, whose angle has shape (1). */
function link(b: Builder, angle: Node, draw: Random): Node {
  const [offset, length, turn] = [draw.signed(), draw.signed(), draw.signed()];
  const [c, s] = [b.unary("cos", angle), b.unary("sin", angle)];
  const number = (value: number): Node => b.constant([value], [1]);
  const times = (x: Node, value: number): Node => b.mul(x, number(value));
  const [ca, sa] = [Math.cos(turn), Math.sin(turn)];
  const rows = [
    [c, times(s, -ca), times(s, sa), times(c, length)],
    [s, times(c, ca), times(c, -sa), times(s, length)],
    [0, sa, ca, offset].map(number),
    [0, 0, 0, 1].map(number),
  ];
  return b.reshape(b.concat(rows.flat(), 0), [4, 4]);
}
