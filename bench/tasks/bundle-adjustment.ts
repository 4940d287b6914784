/**
 * One observation of bundle adjustment (the ADBench objective) as a row program, 15 → 2.
 *
 * Row inputs: parameters r(3) C(3) f x0(2) k1 k2 X(3) w, and the observed feature (2), which is not differentiated.
 */

import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { range } from "../../src/ir/shape.ts";
import type { Node, Program } from "../../src/ir/types.ts";

/** ADBench's example row, and the first row of its Jacobian. */
export const bundleExample = {
  parameters: [
    -0.758453, -1.109613, -0.845551, 34.556073, 39.676747, 53.881673, 419.194514, 5.864426, -8.51887,
    0.087812, 0.002739, 7.203245, 0.001144, 3.023326, 0.417022,
  ],
  feature: [271.760969, 834.209256],
  jacobianRow: [
    -461.44632, 178.86793, -19.42392, -3.0616, 6.39246, -3.34028, 0.26476, 0.41702, 0, 243.62825, 676.48678,
    3.0616, -6.39246, 3.34028, 0.243,
  ],
} as const;

/** err = w (project(camera, X) − feature). */
export function bundleAdjustment(): Program {
  const b = new Builder();
  const [p, feature] = [b.input("p", [15]), b.input("feature", [2])];
  const part = (start: number, size: number): Node =>
    b.slice(p, { starts: [start], steps: [1], shape: [size] });
  const one = (index: number): Node => b.reshape(part(index, 1), []);
  const [r, center, x0, point] = [part(0, 3), part(3, 3), part(7, 2), part(11, 3)];
  const [f, k1, k2, w] = [one(6), one(9), one(10), one(14)];
  const camera = rotated(b, r, b.sub(point, center));
  const flat = b.div(entries(b, camera, [0, 1]), entry(b, camera, 2));
  const rho = b.sum(b.mul(flat, flat), [0]);
  const distortion = b.add(b.constant(1), b.add(b.mul(k1, rho), b.mul(k2, b.mul(rho, rho))));
  const image = b.add(b.mul(f, b.mul(flat, distortion)), x0);
  const error = b.mul(w, b.sub(image, feature));
  return programOf("bundle", [p, feature], [{ name: "err", value: error }]);
}

/** Rodrigues' formula; at θ = 0 its first-order form. */
function rotated(b: Builder, r: Node, x: Node): Node {
  const squared = b.sum(b.mul(r, r), [0]);
  const theta = b.unary("sqrt", squared);
  const axis = b.div(r, theta);
  const [cos, sin] = [b.unary("cos", theta), b.unary("sin", theta)];
  const along = b.mul(b.sum(b.mul(axis, x), [0]), b.sub(b.constant(1), cos));
  const turned = b.add(b.add(b.mul(x, cos), b.mul(cross(b, axis, x), sin)), b.mul(axis, along));
  return b.select(b.compare("ne", squared, b.constant(0)), turned, b.add(x, cross(b, r, x)));
}

function cross(b: Builder, x: Node, y: Node): Node {
  const rows = range(3).map((i) => {
    const [j, k] = [(i + 1) % 3, (i + 2) % 3];
    return b.sub(b.mul(entry(b, x, j), entry(b, y, k)), b.mul(entry(b, x, k), entry(b, y, j)));
  });
  return b.concat(
    rows.map((row) => b.reshape(row, [1])),
    0,
  );
}

function entry(b: Builder, x: Node, index: number): Node {
  return b.reshape(b.slice(x, { starts: [index], steps: [1], shape: [1] }), []);
}

function entries(b: Builder, x: Node, indices: readonly number[]): Node {
  return b.slice(x, { starts: [indices[0] as number], steps: [1], shape: [indices.length] });
}
