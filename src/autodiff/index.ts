/** Programs of derivatives from programs of values. */

export { type Counts, countNodes } from "./cost.ts";
export { expandJacobians } from "./expand.ts";
export { type JacobianRequest, jacobianProgram } from "./jacobian.ts";
export type { Mode } from "./plan.ts";
