import { describe, expect, it } from "@jest/globals";
import { ByteRoom } from "../../../../core/images/discovery/byte-room.ts";
import {
  EVIDENCE_IN_FLIGHT_BYTES,
  EVIDENCE_LIMIT_BYTES,
  EVIDENCE_UNCOUNTED_BYTES,
} from "../../../../core/images/limits.ts";

const MIB = 1024 * 1024;
const never = new AbortController().signal;
/** Who got in, in order. */
const inside = () => {
  const room = new ByteRoom(8 * MIB);
  const got: string[] = [];
  const enter = (name: string, bytes: number, signal = never) =>
    room.take(bytes, signal).then((giveBack) => {
      got.push(name);
      return giveBack;
    });
  return { enter, got };
};

describe("room for evidence", () => {
  it("is for as much as there is, and the next one waits until some is given back", async () => {
    const { enter, got } = inside();
    const first = await enter("first", 5 * MIB);
    const second = enter("second", 5 * MIB);
    await enter("third, that is small", EVIDENCE_UNCOUNTED_BYTES);
    expect(got).toEqual(["first", "third, that is small"]);
    first();
    await second;
  });

  it("goes to whoever came first, so that what is large does not starve", async () => {
    const { enter, got } = inside();
    const giveBack = await enter("first", 5 * MIB);
    const waiting = [enter("large", 8 * MIB), enter("fitting", 2 * MIB)];
    await enter("small", 1);
    giveBack();
    (await waiting[0])?.();
    await waiting[1];
    expect(got).toEqual(["first", "small", "large", "fitting"]);
  });

  it("is left by whoever gives up, and the one behind him moves up", async () => {
    const { enter } = inside();
    await enter("first", 5 * MIB);
    const leaving = new AbortController();
    const large = enter("large", 8 * MIB, leaving.signal);
    const fitting = enter("fitting", 2 * MIB);
    leaving.abort(new Error("late"));
    await expect(large).rejects.toThrow("late");
    await fitting;
  });

  it("is enough for several images of the largest size, and never too little for one", async () => {
    expect(EVIDENCE_IN_FLIGHT_BYTES).toBeGreaterThanOrEqual(2 * EVIDENCE_LIMIT_BYTES);
    const { enter, got } = inside();
    await enter("larger than all of it", 9 * MIB);
    expect(got).toHaveLength(1);
  });
});
