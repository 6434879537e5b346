/** First in, first out within a caller; callers take turns, so that a flood for one image holds up no other. */
export interface FairQueue<T> {
  add(caller: object, item: T): void;
  /** To the front of its caller's, who is next. */
  putBack(caller: object, item: T): void;
  next(): T | undefined;
  remove(caller: object): readonly T[];
  readonly size: number;
}

export function fairQueue<T>(): FairQueue<T> {
  const callers = new Map<object, T[]>();
  let size = 0;
  const remove = (caller: object) => {
    const items = callers.get(caller) ?? [];
    callers.delete(caller);
    size -= items.length;
    return items;
  };
  return {
    add: (caller, item) => {
      const items = callers.get(caller);
      if (items === undefined) callers.set(caller, [item]);
      else items.push(item);
      size++;
    },
    putBack: (caller, item) => {
      callers.set(caller, [item, ...(callers.get(caller) ?? [])]);
      size++;
    },
    next: () => {
      const [caller] = callers.keys();
      if (caller === undefined) return undefined;
      const [item, ...rest] = remove(caller);
      if (rest.length > 0) callers.set(caller, rest);
      size += rest.length;
      return item;
    },
    remove,
    get size() {
      return size;
    },
  };
}
