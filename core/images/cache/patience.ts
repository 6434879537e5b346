/**
 * A caller's deadline on shared work: he stops waiting, the work does not stop. A rejection after that is nobody's.
 *
 * @param late  what he is told instead; thrown when it is an error, returned otherwise
 * @param patienceMs  less than the signal's time, where there is something to answer with
 */
export async function waitFor<T>(
  work: Promise<T>,
  signal: AbortSignal,
  late: () => T | Error,
  patienceMs?: number,
): Promise<T> {
  work.catch(() => {});
  const { promise, resolve } = Promise.withResolvers<typeof LATE>();
  const onLate = () => resolve(LATE);
  if (signal.aborted) onLate();
  signal.addEventListener("abort", onLate, { once: true });
  const timer = patienceMs === undefined ? undefined : setTimeout(onLate, patienceMs);
  try {
    const first = await Promise.race([work, promise]);
    if (first !== LATE) return first;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onLate);
  }
  const answer = late();
  if (answer instanceof Error) throw answer;
  return answer;
}

const LATE = Symbol("late");
