/**
 * Finds keys that a JSON text repeats, which `JSON.parse` silently drops.
 *
 * In: text that `JSON.parse` has accepted. Out: the first key that occurs twice in one object, or nothing.
 */

/** The first repeated key of `text`, compared after unescaping. */
export function duplicateKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  // Strings first, so that brackets inside them are skipped; a colon right after one makes it a key.
  for (const [token, quoted, colon] of text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}]/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "}") open.pop();
    else if (colon !== undefined) {
      const key = JSON.parse(quoted as string) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
