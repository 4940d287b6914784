/**
 * Counts the bytes of the arrays that a function asks for.
 *
 * In: a function. Out: its result or error, and the bytes of all typed arrays and buffers that were constructed while it ran, views not
 * counted. Always: the global constructors are the engine's own again afterwards.
 */

const names = [
  "ArrayBuffer",
  "Float32Array",
  "Float64Array",
  "Int32Array",
  "BigInt64Array",
  "Uint8Array",
  "Uint16Array",
  "Uint32Array",
] as const;

type Constructors = Record<string, new (...args: unknown[]) => { readonly byteLength: number }>;

/** Runs `action` with counting constructors; its error, if any, is given back, not thrown. */
export async function allocated(action: () => unknown): Promise<{ error: unknown; bytes: number }> {
  const globals = globalThis as unknown as Constructors;
  const own = names.map((name) => [name, globals[name] as Constructors[string]] as const);
  let bytes = 0;
  for (const [name, original] of own) {
    globals[name] = new Proxy(original, {
      construct(target, args, caller) {
        const [first] = args as unknown[];
        if (typeof first === "number") bytes += first * elementBytes(name);
        const made = Reflect.construct(target, args, caller === globals[name] ? target : caller) as {
          byteLength: number;
        };
        if (typeof first === "object" && !(first instanceof ArrayBuffer)) bytes += made.byteLength;
        return made;
      },
    });
  }
  try {
    await action();
    return { error: undefined, bytes };
  } catch (error) {
    return { error: error ?? "nothing was thrown", bytes };
  } finally {
    for (const [name, original] of own) globals[name] = original;
  }
}

function elementBytes(name: string): number {
  return name === "ArrayBuffer" ? 1 : Number(/\d+/.exec(name)?.[0]) / 8;
}
