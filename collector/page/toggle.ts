/** The set without the item when it had it, else with it. */
export function toggled<T>(set: ReadonlySet<T>, item: T): ReadonlySet<T> {
  const others = [...set].filter((one) => one !== item);
  return new Set(others.length === set.size ? [...others, item] : others);
}
