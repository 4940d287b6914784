/** The stable functions, as functions of a builder, nodes and attributes; each kept whole as a `call` until lowering. */

export { callOf, type Recipe } from "./callee.ts";
export * from "./norms.ts";
export * from "./piecewise.ts";
export * from "./smooth.ts";
export * from "./softmax.ts";
