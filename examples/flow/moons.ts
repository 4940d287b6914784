/** Two interleaved half circles with a little noise, as x₀, y₀, x₁, y₁, … */

import type { Random } from "../../src/nn.ts";

/** `count` points, alternating between the moons. */
export function twoMoons(count: number, random: Random): Float32Array<ArrayBuffer> {
  const points = new Float32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const [angle, side] = [Math.PI * random.uniform(), i % 2 === 0 ? 1 : -1];
    points[2 * i] = 1.4 * side * (Math.cos(angle) - 0.5) + 0.1 * random.normal();
    points[2 * i + 1] = 1.4 * side * (Math.sin(angle) - 0.25) + 0.1 * random.normal();
  }
  return points;
}
