/** Machine-readable results: one object per command, with the number of the schema it follows. */

/** The schema's number; it grows when a field changes its meaning or goes. */
export const JSON_SCHEMA = 1;

/** The object as one line of JSON, schema first. */
export function jsonText(fields: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({ schema: JSON_SCHEMA, ...fields })}\n`;
}
