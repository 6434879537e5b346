/** Deepest nesting that is shown; below it stands an ellipsis. */
export const SHOWN_DEPTH = 6;

/**
 * A value as JSON, cut to a length: for showing what somebody else wrote. Costs what is shown and not what is there,
 * so that a document of a million values, or nested a million deep, is as cheap as a word.
 */
export function shownJson(value: unknown, limitChars: number): string {
  const text = written(value, limitChars, SHOWN_DEPTH);
  return text.length <= limitChars ? text : `${text.slice(0, Math.max(0, limitChars - 3))}...`;
}

function written(value: unknown, room: number, depth: number): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, room));
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "nothing";
  if (depth === 0) return "...";
  return Array.isArray(value) ? writtenList(value, room, depth) : writtenObject(value, room, depth);
}

function writtenList(list: readonly unknown[], room: number, depth: number): string {
  let text = "";
  for (let index = 0; index < list.length && text.length <= room; index++) {
    text += `${index === 0 ? "" : ","}${written(list[index], room - text.length, depth - 1)}`;
  }
  return `[${text}]`;
}

function writtenObject(object: object, room: number, depth: number): string {
  let text = "";
  for (const key in object) {
    if (text.length > room) break;
    const name = JSON.stringify(key.slice(0, room));
    text += `${text === "" ? "" : ","}${name}:${written(Reflect.get(object, key), room - text.length, depth - 1)}`;
  }
  return `{${text}}`;
}
