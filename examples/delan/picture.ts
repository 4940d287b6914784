/** The picture of the deep Lagrangian network: torques and mass matrix along an unseen motion, learned and true. */

import { type Panel, palette, plotPanels, writePicture } from "../shared/plot.ts";
import { type Motions, massMatrix } from "./arm.ts";

/** What the network says along the motion: torques (n, 2) and mass matrices (n, 2, 2). */
export interface Learned {
  readonly torque: ArrayLike<number>;
  readonly mass: ArrayLike<number>;
}

/** Writes the picture to `path`. */
export function drawMotion(path: string, { q, torque }: Motions, learned: Learned): void {
  const times = Float64Array.from({ length: q.data.length / 2 }, (_, i) => i / 80);
  const every = (values: ArrayLike<number>, step: number, first: number): Float64Array =>
    Float64Array.from(times, (_, i) => values[step * i + first] as number);
  const panel = (title: string, truth: ArrayLike<number>, found: ArrayLike<number>): Panel => ({
    title,
    fromZero: title.startsWith("mass"),
    curves: [
      { x: times, y: found, colour: palette.orange, label: "learned" },
      { x: times, y: truth, colour: palette.ink, label: "truth" },
    ],
  });
  const masses = Array.from(every(q.data, 2, 1), massMatrix).flat();
  const panels = [
    panel("torque 1", every(torque.data, 2, 0), every(learned.torque, 2, 0)),
    panel("torque 2", every(torque.data, 2, 1), every(learned.torque, 2, 1)),
    panel("mass matrix, m11", every(masses, 3, 0), every(learned.mass, 4, 0)),
    panel("mass matrix, m12", every(masses, 3, 1), every(learned.mass, 4, 1)),
    panel("mass matrix, m22", every(masses, 3, 2), every(learned.mass, 4, 3)),
  ];
  writePicture(path, plotPanels("Deep Lagrangian network: an unseen motion of a two-link arm", panels, 3));
}
