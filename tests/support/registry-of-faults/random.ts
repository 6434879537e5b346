/** Numbers that follow from a seed: the same seed, the same numbers, on every machine. */
export interface Random {
  /** From 0 up to and without `below`. */
  nat(below: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
}

/** @see mulberry32, a public-domain generator by Tommy Ettinger: 32 bits of state are plenty for a schedule */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const nat = (below: number) => Math.floor(next() * below);
  return { nat, chance: (probability) => next() < probability, pick: (list) => list[nat(list.length)] as never };
}

/** A seed from a seed and a text. @see FNV-1a, 32 bits */
export function seedFrom(seed: number, text: string): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
