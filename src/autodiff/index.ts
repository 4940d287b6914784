/** Programs of derivatives from programs of values. */

export { type Counts, countNodes } from "./cost.ts";
export { expandJacobians, type JacobianRequest, jacobianProgram, planJacobian } from "./jacobian.ts";
export type { Pattern } from "./pattern.ts";
export type { Mode } from "./plan.ts";
export {
  type How,
  type PlanEdge,
  type PlanGraph,
  type PlanMaterial,
  type PlanVertex,
  planGraph,
} from "./plan-graph.ts";
export { planNotes, printPlan } from "./plan-print.ts";
export type { PlanReport } from "./plan-report.ts";
export type { Effort } from "./plan-scalar.ts";
