import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { type PushedImage, pushImage } from "../../../../cli/demo/registry/registry.ts";
import type { Fault } from "../../../../cli/demo/registry/reply.ts";
import { parseReference } from "../../../../core/images/reference.ts";
import { createRegistryClient, type RegistryClient } from "../../../../core/images/registry-client.ts";
import {
  dawdle,
  delay,
  dripHeaders,
  type FaultyRegistry,
  flipDigest,
  gzipBomb,
  hang,
  hugeHeaders,
  inProcess,
  loop401,
  mislabel,
  redirectLoop,
  reset,
  SEEDED_FAULTS,
  schema1,
  seededFaults,
  serve,
  startFaultyRegistry,
  status,
  truncate,
  wrongDigestHeader,
  wrongLength,
} from "../../../support/registry-of-faults.ts";

let registry: FaultyRegistry;
let image: PushedImage;

beforeAll(async () => {
  registry = await startFaultyRegistry();
  image = await pushImage(registry, { repository: "shop/web", tag: "1" });
});
afterEach(() => registry.calm());
afterAll(() => registry.close());

/** A client that has had no trouble yet. */
const fresh = (sockets = false, requestDeadlineMs = 3000) =>
  createRegistryClient({
    registries: [{ host: registry.host, plainHttp: true }],
    requestDeadlineMs,
    sleep: async () => {},
    ...(sockets ? {} : { transport: registry.transport }),
  });

/** The digest, or the code of the failure. */
const ask = (client: RegistryClient, reference = "1") =>
  client.manifest(parseReference(image.reference), reference, AbortSignal.timeout(2000)).then(
    (found) => found?.digest ?? "not there",
    ({ code, stack }) => code ?? stack,
  );

describe("a fault looks the same with and without a socket", () => {
  const endless: [name: string, fault: () => Fault][] = [
    ["a hang", hang],
    ["a slow loris of headers", () => dripHeaders(5)],
    ["a slow loris of the body", () => dawdle(5)],
    ["more announced than sent", () => wrongLength(5)],
  ];
  it.each(endless)("%s", async (_name, fault) => {
    registry.inject(fault());
    const client = fresh(true, 100);
    expect(await ask(client)).toBe("REGISTRY_TIMEOUT");
    await client.close();
    expect(await ask(fresh(false, 100))).toBe("REGISTRY_TIMEOUT");
  });

  const faults: [name: string, fault: () => Fault][] = [
    ["none", () => () => undefined],
    ["not there", () => status(404)],
    ["a delay", () => delay(5)],
    ["a reset", reset],
    ["a cut", () => truncate(20)],
    ["a cut before the first byte", () => truncate(0)],
    ["fewer announced than sent", () => wrongLength(-5)],
    ["other bytes", () => serve("{}")],
    ["other bytes now and then", () => flipDigest("{}")],
    ["a digest header of others", () => wrongDigestHeader()],
    ["another type", () => mislabel("text/html")],
    ["a gzip bomb", () => gzipBomb(1024 * 1024)],
    ["headers without measure", () => hugeHeaders(50_000)],
    ["a redirect in a circle", redirectLoop],
    ["tokens that are worth nothing", () => loop401(registry.host)],
    ["schema 1", schema1],
  ];
  it.each(faults)("%s", async (_name, fault) => {
    registry.inject(fault());
    const client = fresh(true);
    const overSockets = await ask(client);
    await client.close();
    registry.calm();
    registry.inject(fault());
    expect(await ask(fresh())).toBe(overSockets);
  });
});

describe("a registry without a socket", () => {
  it("may have any name, over https too", async () => {
    const client = createRegistryClient({ transport: inProcess({ "registry.example": registry }) });
    const reference = parseReference("registry.example/shop/web:1");
    expect((await client.manifest(reference, "1", AbortSignal.timeout(2000)))?.digest).toBe(image.digest);
  });

  it("is not there under any other name", async () => {
    const client = createRegistryClient({ transport: inProcess({ "registry.example": registry }) });
    const asked = client.manifest(parseReference("other.example/shop/web:1"), "1", AbortSignal.timeout(2000));
    await expect(asked).rejects.toMatchObject({ code: "REGISTRY_UNREACHABLE" });
  });
});

describe("faults by seed", () => {
  const endless = ["hang", "another length"];
  const ENDS = Object.keys(SEEDED_FAULTS).filter((kind) => !endless.includes(kind));
  const run = async (seed: number, kinds: readonly string[] = ENDS) => {
    registry.calm();
    const seeded = seededFaults(seed, { rate: 0.5, kinds });
    registry.inject(seeded.fault);
    const answers: unknown[] = [];
    const client = fresh(false, kinds.some((kind) => endless.includes(kind)) ? 30 : undefined);
    for (let n = 0; n < 4; n++) answers.push(await ask(client, image.digest));
    return { applied: [...seeded.applied], answers };
  };

  it("are the same for the same seed", async () => {
    const first = await run(4711);
    expect(first.applied.length).toBeGreaterThan(0);
    expect(await run(4711)).toEqual(first);
  });

  it("differ from seed to seed", async () => {
    const schedules = new Set<string>();
    for (let seed = 0; seed < 12; seed++) schedules.add(JSON.stringify((await run(seed)).applied));
    expect(schedules.size).toBeGreaterThan(10);
  });

  it.each(Object.keys(SEEDED_FAULTS))("%s never yields another image than was asked for", async (kind) => {
    for (let seed = 0; seed < 3; seed++) {
      for (const answer of (await run(seed, [kind])).answers) {
        expect([image.digest, "not there", expect.stringMatching(/^REGISTRY_/)]).toContainEqual(answer);
      }
    }
  });
});
