import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type PushedImage, pushImage } from "../../../cli/demo/registry/registry.ts";
import { parseReference } from "../../../core/images/reference.ts";
import { reachOf } from "../../../core/images/registry/reserved-addresses.ts";
import type { Resolver } from "../../../core/images/registry/resolvers.ts";
import { createRegistryClient } from "../../../core/images/registry-client.ts";
import { demandToken, type FaultyRegistry, startFaultyRegistry } from "../../support/registry-of-faults.ts";

describe("an address", () => {
  it.each([
    ["unspecified", "0.0.0.0"],
    ["anywhere in 0/8", "0.1.2.3"],
    ["link-local, where clouds serve credentials", "169.254.169.254"],
    ["another cloud's metadata", "100.100.100.200"],
    ["a third cloud's host agent", "168.63.129.16"],
    ["multicast", "224.0.0.1"],
    ["broadcast", "255.255.255.255"],
    ["IPv6 unspecified", "::"],
    ["IPv6 link-local", "fe80::1"],
    ["IPv6 link-local with a zone", "fe80::1%eth0"],
    ["IPv6 multicast", "ff02::1"],
    ["IPv6 metadata", "fd00:ec2::254"],
    ["metadata mapped into IPv6", "::ffff:169.254.169.254"],
    ["metadata mapped into IPv6, as hex", "::ffff:a9fe:a9fe"],
    ["metadata mapped into IPv6, written out", "0:0:0:0:0:ffff:a9fe:a9fe"],
    ["metadata translated", "::ffff:0:a9fe:a9fe"],
    ["metadata behind NAT64", "64:ff9b::169.254.169.254"],
    ["metadata behind a local NAT64", "64:ff9b:1::a9fe:a9fe"],
    ["metadata behind 6to4", "2002:a9fe:a9fe::1"],
    ["no address at all", "example.com"],
    ["nothing", ""],
  ])("is never asked: %s: %s", (_why, address) => expect(reachOf(address)).toBe("never"));

  it.each([
    ["loopback", "127.0.0.1"],
    ["all of loopback", "127.8.9.10"],
    ["private", "10.0.0.5"],
    ["private", "172.31.255.255"],
    ["private", "192.168.1.9"],
    ["a carrier's, and some clusters' pods", "100.64.0.1"],
    ["IPv6 loopback", "::1"],
    ["unique local", "fd12::1"],
    ["loopback mapped into IPv6", "::ffff:127.0.0.1"],
    ["loopback behind NAT64", "64:ff9b::127.0.0.1"],
    ["private behind 6to4", "2002:0a00:0001::1"],
  ])("is asked for a configured registry only: %s: %s", (_why, address) => expect(reachOf(address)).toBe("private"));

  it.each(["93.184.216.34", "172.32.0.1", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::93.184.216.34"])(
    "is public: %s",
    (address) => expect(reachOf(address)).toBe("public"),
  );
});

describe("a name", () => {
  let registry: FaultyRegistry;
  let image: PushedImage;
  beforeAll(async () => {
    registry = await startFaultyRegistry();
    image = await pushImage(registry, { repository: "shop/web", tag: "1" });
    registry.calm();
  });
  afterAll(() => registry.close());

  /** Asks for an image of a host that resolves so; a list is the answers in turn, the last one for ever. */
  const ask = async (host: string, answers: readonly string[][], configured: boolean) => {
    let asked = 0;
    const resolve: Resolver = async () => {
      const addresses = answers[Math.min(asked++, answers.length - 1)] ?? [];
      return addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    };
    const port = registry.host.split(":")[1];
    const registries = configured ? [{ host: `${host}:${port}`, plainHttp: true }] : [];
    const client = createRegistryClient({ registries, resolve, requestDeadlineMs: 500 });
    const reference = parseReference(`${host}:${port}/shop/web:1`);
    const answer = client.manifest(reference, "1", AbortSignal.timeout(2000));
    return {
      answer: await answer.then(
        (found) => found?.digest,
        (error) => error,
      ),
      asked: () => asked,
      close: client.close,
    };
  };
  const refused = (shown: string) =>
    expect.objectContaining({ code: "REGISTRY_ADDRESS_REFUSED", message: expect.stringContaining(shown) });

  it.each([
    ["loopback", "127.0.0.1"],
    ["the metadata service", "169.254.169.254"],
    ["a service of the cluster", "10.96.0.1"],
    ["loopback in IPv6's clothes", "::ffff:127.0.0.1"],
  ])("nobody configured that leads to %s is refused before anything connects", async (_what, address) => {
    const { answer, close } = await ask("registry.example", [[address]], false);
    expect(answer).toEqual(refused(`registry.example (${address})`));
    expect(registry.requests).toEqual([]);
    await close();
  });

  it.each(["foo.09", "1.2.3.4.5", "[:::]"])("that is neither a name nor an address is refused: %s", async (host) => {
    const { answer, close } = await ask(host, [["127.0.0.1"]], false);
    expect(answer).toEqual(refused("is neither a name nor an address"));
    await close();
  });

  it.each(["registry.example:443", "registry.example:0443"])(
    "with a port that goes without saying is refused, since no pattern has it: %s",
    async (host) => {
      const client = createRegistryClient({ resolve: async () => [{ address: "93.184.216.34", family: 4 }] });
      const answer = client.manifest(parseReference(`${host}/shop/web:1`), "1", AbortSignal.timeout(2000));
      await expect(answer).rejects.toEqual(refused(`${host}: is another spelling of registry.example`));
      await client.close();
    },
  );

  it("with such a port is asked where the operator wrote it so", async () => {
    const requests: string[] = [];
    const send = async ({ url }: { url: URL }) => {
      requests.push(url.href);
      throw new Error("enough");
    };
    const client = createRegistryClient({
      registries: [{ host: "registry.example:443" }],
      transport: { send, close: async () => {} },
    });
    const reference = parseReference("registry.example:443/shop/web:1");
    await client.manifest(reference, "1", AbortSignal.timeout(2000)).catch(() => {});
    expect(requests).toEqual(["https://registry.example/v2/shop/web/manifests/1"]);
  });

  it("with one bad address among good ones is refused", async () => {
    const { answer, close } = await ask("registry.example", [["93.184.216.34", "10.0.0.1"]], false);
    expect(answer).toEqual(refused("10.0.0.1"));
    await close();
  });

  it("that was configured may lead to this machine", async () => {
    const { answer, close } = await ask("registry.corp", [["127.0.0.1"]], true);
    expect(answer).toBe(image.digest);
    await close();
  });

  it("that was configured for another registry's tokens may lead to this machine too", async () => {
    const [, port] = registry.host.split(":");
    const tokens = `tokens.corp:${port}`;
    registry.inject(demandToken(registry.host, "t0k3n", `http://${tokens}/token`));
    const client = createRegistryClient({
      registries: [{ host: `registry.corp:${port}`, plainHttp: true, tokenHosts: [tokens] }],
      resolve: async () => [{ address: "127.0.0.1", family: 4 }],
    });
    const reference = parseReference(`registry.corp:${port}/shop/web:1`);
    expect((await client.manifest(reference, "1", AbortSignal.timeout(2000)))?.digest).toBe(image.digest);
    registry.calm();
    await client.close();
  });

  it("that was configured may still not lead to the metadata service", async () => {
    const { answer, close } = await ask("registry.corp", [["169.254.169.254"]], true);
    expect(answer).toEqual(refused("169.254.169.254"));
    await close();
  });

  it("is resolved once a connection, so that its second answer changes nothing", async () => {
    const { answer, asked, close } = await ask("registry.corp", [["127.0.0.1"], ["169.254.169.254"]], true);
    expect([answer, asked()]).toEqual([image.digest, 1]);
    await close();
  });
});
