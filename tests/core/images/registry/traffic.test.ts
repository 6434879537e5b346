import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { type PushedImage, pushImage } from "../../../../cli/demo/registry/registry.ts";
import type { Fault } from "../../../../cli/demo/registry/reply.ts";
import {
  BREAKER_FAILURES,
  BREAKER_OPEN_LIMIT_MS,
  BREAKER_OPEN_MS,
  HOSTS_KEPT,
  PAUSE_LIMIT_MS,
  REQUESTS_PER_REGISTRY,
  REQUESTS_WAITING,
  RETRIES_PER_REQUEST,
  RETRY_WAIT_LIMIT_MS,
} from "../../../../core/images/limits.ts";
import { parseReference } from "../../../../core/images/reference.ts";
import { parseRetryAfter } from "../../../../core/images/registry/traffic/retry-after.ts";
import { createRegistryClient, type RegistryClient } from "../../../../core/images/registry-client.ts";
import {
  type FaultyRegistry,
  firstTimes,
  hang,
  inProcess,
  on,
  redirectTo,
  reset,
  startFaultyRegistry,
  status,
  tooManyRequests,
  unavailable,
} from "../../../support/registry-of-faults.ts";

const HOST = "registry.example";
const START = Date.parse("2026-03-10T12:00:00Z");
let registry: FaultyRegistry;
let image: PushedImage;
let nowMs = START;
const slept: number[] = [];

beforeAll(async () => {
  registry = await startFaultyRegistry();
  image = await pushImage(registry, { repository: "shop/web", tag: "1" });
});
afterEach(() => {
  registry.calm();
  nowMs = START;
  slept.length = 0;
});
afterAll(() => registry.close());

/** A client whose waits take no time and move the clock. */
const client = (more: object = {}): RegistryClient =>
  createRegistryClient({
    transport: inProcess({ [HOST]: registry, "other.example": registry }),
    clock: () => nowMs,
    sleep: async (ms, signal) => {
      signal.throwIfAborted();
      slept.push(ms);
      nowMs += ms;
    },
    ...more,
  });
const ask = (from: RegistryClient, signal = AbortSignal.timeout(4000), host = HOST) =>
  from.manifest(parseReference(`${host}/shop/web:1`), "1", signal);
const outcome = (from: RegistryClient, signal?: AbortSignal) =>
  ask(from, signal).then(
    (found) => found?.digest,
    ({ code }) => code,
  );

describe("a registry that asks to be left alone", () => {
  it("for a moment is waited for, and asked again", async () => {
    registry.inject(on(/manifests/, firstTimes(1, tooManyRequests("1"))));
    expect(await outcome(client())).toBe(image.digest);
    expect(slept).toEqual([1000]);
  });

  it("until a time is waited for until that time", async () => {
    registry.inject(on(/manifests/, firstTimes(1, unavailable(new Date(START + 2000).toUTCString()))));
    expect(await outcome(client())).toBe(image.digest);
    expect(slept).toEqual([2000]);
  });

  it("without saying how long is waited for a little longer each time, and not for ever", async () => {
    registry.inject(on(/manifests/, tooManyRequests()));
    expect(await outcome(client())).toBe("REGISTRY_RATE_LIMITED");
    expect(slept).toEqual([200, 400]);
    expect(registry.requests).toHaveLength(RETRIES_PER_REQUEST + 1);
  });

  it("for longer than a request waits is refused, saying which registry and until when", async () => {
    registry.inject(on(/manifests/, tooManyRequests("60")));
    await expect(ask(client())).rejects.toMatchObject({
      code: "REGISTRY_RATE_LIMITED",
      message: `${HOST}/shop/web:1: ${HOST} asked to be left alone, until 2026-03-10T12:01:00.000Z`,
    });
    expect(slept).toEqual([]);
  });

  it("is left alone by everybody until then, and asked again after it", async () => {
    registry.inject(on(/manifests/, firstTimes(1, tooManyRequests("60"))));
    const one = client();
    await outcome(one);
    nowMs += 60_000 - RETRY_WAIT_LIMIT_MS - 1;
    expect(await outcome(one)).toBe("REGISTRY_RATE_LIMITED");
    expect(registry.requests).toHaveLength(1);
    nowMs += 1;
    expect(await outcome(one)).toBe(image.digest);
  });

  it("for a year is believed for minutes only", async () => {
    registry.inject(on(/manifests/, firstTimes(1, tooManyRequests("31536000"))));
    const one = client();
    await expect(ask(one)).rejects.toMatchObject({
      message: expect.stringContaining(new Date(START + PAUSE_LIMIT_MS).toISOString()),
    });
    nowMs += PAUSE_LIMIT_MS;
    expect(await outcome(one)).toBe(image.digest);
  });

  it("does not keep others from being asked", async () => {
    registry.inject(on(/manifests/, firstTimes(1, tooManyRequests("60"))));
    const one = client();
    await outcome(one);
    expect((await ask(one, undefined, "other.example"))?.digest).toBe(image.digest);
  });

  it("past the caller's deadline is not waited for", async () => {
    registry.inject(on(/manifests/, tooManyRequests("1")));
    const impatient = client({ sleep: (_ms: number, signal: AbortSignal) => rejectWhen(signal) });
    await expect(ask(impatient, AbortSignal.timeout(20))).rejects.toMatchObject({
      code: "REGISTRY_RATE_LIMITED",
      message: expect.stringContaining("until 2026-03-10T12:00:01.000Z"),
    });
  });

  it("with a 503 that says nothing more is in trouble, and not asked again", async () => {
    registry.inject(on(/manifests/, status(503)));
    expect(await outcome(client())).toBe("REGISTRY_UNAVAILABLE");
    expect(registry.requests).toHaveLength(1);
  });
});

it("every request is counted by what became of it", async () => {
  const one = client({ registries: [{ host: HOST, concurrency: 1 }] });
  await outcome(one);
  registry.inject(on(/manifests/, reset()));
  for (let n = 0; n < BREAKER_FAILURES + 2; n++) await outcome(one);
  nowMs += BREAKER_OPEN_MS;
  registry.calm();
  registry.inject(on(/manifests/, tooManyRequests("60")));
  for (let n = 0; n < 3; n++) await outcome(one);
  expect(one.stats).toEqual({ answered: 1, failed: BREAKER_FAILURES, circuitOpen: 2, paused: 3, busy: 0 });
});

describe("a Retry-After", () => {
  it.each([
    ["0", 0],
    ["120", 120_000],
    [" 7 ", 7000],
    ["Tue, 10 Mar 2026 12:00:05 GMT", 5000],
    ["Wed, 21 Oct 2015 07:28:00 GMT", 0],
    ["-1", undefined],
    ["1.5", undefined],
    ["soon", undefined],
    ["9999999999", undefined],
    ["2026-03-10T12:00:05Z", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("%j is %s", (header, waitMs) => expect(parseRetryAfter(header, START)).toBe(waitMs));
});

describe("a registry that fails again and again", () => {
  const fail = async (one: RegistryClient, times = BREAKER_FAILURES) => {
    for (let n = 0; n < times; n++) await outcome(one);
  };

  it.each<[string, () => Fault, object]>([
    ["answers 500", () => status(500), {}],
    ["resets its connections", reset, {}],
    ["hangs", hang, { requestDeadlineMs: 100, clock: Date.now }],
  ])("and %s is not asked for a while, which is said", async (_how, fault, options) => {
    registry.inject(fault());
    const one = client(options);
    await fail(one);
    const asked = registry.requests.length;
    await expect(ask(one)).rejects.toMatchObject({
      code: "REGISTRY_CIRCUIT_OPEN",
      message: expect.stringMatching(/registry\.example is not asked until \S+Z \(5 failures in a row, the last one: /),
    });
    expect(registry.requests.length).toBe(asked);
  });

  it("is asked as ever when it failed a few times only", async () => {
    registry.inject(on(/manifests/, firstTimes(BREAKER_FAILURES - 1, status(500))));
    const one = client();
    await fail(one, BREAKER_FAILURES - 1);
    expect(await outcome(one)).toBe(image.digest);
  });

  it("is tried by one request when its time has come, and asked by all when that went well", async () => {
    registry.inject(on(/manifests/, firstTimes(BREAKER_FAILURES, status(500))));
    const one = client();
    await fail(one);
    nowMs += BREAKER_OPEN_MS;
    const outcomes = await Promise.all([outcome(one), outcome(one), outcome(one)]);
    expect(outcomes).toEqual([image.digest, "REGISTRY_CIRCUIT_OPEN", "REGISTRY_CIRCUIT_OPEN"]);
    expect(await Promise.all([outcome(one), outcome(one)])).toEqual([image.digest, image.digest]);
  });

  it("is left alone for longer with each trial that fails, up to a minute", async () => {
    registry.inject(on(/manifests/, status(500)));
    const one = client();
    await fail(one);
    const waits: number[] = [];
    for (let trial = 0; trial < 6; trial++) {
      const from = nowMs;
      while ((await outcome(one)) === "REGISTRY_CIRCUIT_OPEN") nowMs += 1000;
      waits.push(nowMs - from);
    }
    expect(waits).toEqual([5000, 10_000, 20_000, 40_000, 60_000, BREAKER_OPEN_LIMIT_MS]);
  });

  it("is not blamed, nor left alone, for what another registry redirects to it", async () => {
    const one = client();
    const hostile = on(/evil/, redirectTo(`https://${HOST}/v2/none`));
    const troubled = on(/none/, firstTimes(2 * BREAKER_FAILURES, status(500)));
    registry.inject(hostile, troubled, on(/none/, tooManyRequests("60")));
    const fromOther = () => one.manifest(parseReference("other.example/evil/web:1"), "1", AbortSignal.timeout(4000));
    for (let n = 0; n < 4 * BREAKER_FAILURES; n++) await fromOther().catch(() => {});
    await expect(fromOther()).rejects.toMatchObject({ code: "REGISTRY_RATE_LIMITED" });
    expect(await outcome(one)).toBe(image.digest);
  });

  it("is not asked for a reason that names no image", async () => {
    registry.inject(reset());
    const one = client();
    const secret = () => one.manifest(parseReference(`${HOST}/secret/thing:1`), "1", AbortSignal.timeout(4000));
    for (let n = 0; n < BREAKER_FAILURES; n++) await secret().catch(() => {});
    const refusal = await ask(one).catch((thrown: Error) => thrown.message);
    expect(refusal).toMatch(/the last one: registry\.example: /);
    expect(refusal).not.toContain("secret");
  });

  it("is not blamed for a caller who leaves at once", async () => {
    registry.inject(on(/manifests/, hang()));
    const one = client();
    for (let n = 0; n < 2 * BREAKER_FAILURES; n++) await outcome(one, AbortSignal.timeout(1));
    registry.calm();
    expect(await outcome(one)).toBe(image.digest);
  });

  it("is not blamed for answers that are malformed, denied or missing", async () => {
    const one = client();
    registry.inject(on(/manifests/, status(404)));
    await fail(one, 2 * BREAKER_FAILURES);
    registry.calm();
    registry.inject(on(/manifests/, status(403)));
    await fail(one, 2 * BREAKER_FAILURES);
    registry.calm();
    expect(await outcome(one)).toBe(image.digest);
  });

  it("is forgotten when many others were asked since, so that the memory is bounded", async () => {
    registry.inject(on(/manifests/, firstTimes(1, tooManyRequests("60"))));
    const transport = inProcess(
      Object.fromEntries(
        [HOST, ...Array.from({ length: HOSTS_KEPT }, (_, n) => `h${n}.example`)].map((host) => [host, registry]),
      ),
    );
    const one = client({ transport });
    await outcome(one);
    for (let n = 0; n < HOSTS_KEPT; n++) await ask(one, undefined, `h${n}.example`);
    expect(await outcome(one)).toBe(image.digest);
  });
});

describe("requests to one registry", () => {
  /** Answers nobody until it is opened. */
  const gate = () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    let [inside, most] = [0, 0];
    const fault: Fault = async () => {
      most = Math.max(most, ++inside);
      await promise;
      inside--;
      return undefined;
    };
    return { fault, open: () => resolve(undefined), most: () => most };
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it.each([
    ["by default", {}, REQUESTS_PER_REGISTRY],
    ["where configured", { registries: [{ host: HOST, concurrency: 3 }] }, 3],
  ])("are so many at a time %s", async (_when, options, most) => {
    const held = gate();
    registry.inject(held.fault);
    const one = client(options);
    const all = Array.from({ length: 40 }, () => outcome(one));
    await turn();
    held.open();
    expect(new Set(await Promise.all(all))).toEqual(new Set([image.digest]));
    expect(held.most()).toBe(most);
  });

  it("beyond a bounded line are refused at once", async () => {
    const held = gate();
    registry.inject(held.fault);
    const one = client({ registries: [{ host: HOST, concurrency: 1 }] });
    const all = Array.from({ length: REQUESTS_WAITING + 1 }, () => outcome(one));
    await expect(ask(one)).rejects.toMatchObject({
      code: "REGISTRY_BUSY",
      message: `${HOST}/shop/web:1: ${REQUESTS_WAITING} requests wait for ${HOST} already`,
    });
    held.open();
    expect(new Set(await Promise.all(all))).toEqual(new Set([image.digest]));
  });

  it("that wait past their deadline leave the line, and say what they waited for", async () => {
    const held = gate();
    registry.inject(held.fault);
    const one = client({ registries: [{ host: HOST, concurrency: 1 }] });
    const first = outcome(one);
    await expect(ask(one, AbortSignal.timeout(10))).rejects.toMatchObject({
      code: "REGISTRY_TIMEOUT",
      message: `${HOST}/shop/web:1: no turn at ${HOST} in time, others are being answered`,
    });
    const next = outcome(one);
    held.open();
    expect(await Promise.all([first, next])).toEqual([image.digest, image.digest]);
  });
});

function rejectWhen(signal: AbortSignal): Promise<void> {
  return new Promise((_resolve, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
  );
}
