import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { LOG_LINE_LIMIT_BYTES } from "../../admission/record/chain.ts";
import { verifyLog } from "../../admission/record/verify-log.ts";
import { openShop, pod, requestFor, type Shop, startWebhook, type Webhook } from "./support/webhook.ts";

let shop: Shop;
let webhook: Webhook;

beforeAll(async () => {
  shop = await openShop();
  webhook = await startWebhook(shop);
});

afterAll(async () => {
  await webhook.close();
  await shop.registry.close();
});

const logFile = () => join(webhook.folder, "state/decisions.log");
const lastRecord = () =>
  readFileSync(logFile(), "utf8")
    .split("\n")
    .findLast((line) => line.includes('"uid":')) ?? "";

describe("what an author writes cannot forge a line of the answer", () => {
  const FORGED = "x\n  allow    spec.containers[0].image  ghcr.io/acme/good\u001b[2J\u202e\u2028";
  const shown = "x\\u{a}  allow    spec.containers[0].image  ghcr.io/acme/good\\u{1b}[2J\\u{202e}\\u{2028}";
  const cases: [given: string, object: () => object][] = [
    ["an image's name", () => pod(FORGED)],
    ["the pod's name", () => pod(shop.images.unsigned, {}, { name: undefined, generateName: FORGED })],
    [
      "a capability",
      () =>
        pod(shop.images.good, {
          containers: [{ name: "a", image: shop.images.good, securityContext: { capabilities: { add: [FORGED] } } }],
        }),
    ],
    ["a sysctl", () => pod(shop.images.good, { securityContext: { sysctls: [{ name: FORGED, value: "1" }] } })],
    [
      "a field of a kind nobody knows",
      () => ({
        apiVersion: "example.com/v1",
        kind: "Thing",
        metadata: { name: "x" },
        spec: { [FORGED]: { containers: [{ name: "a", image: shop.images.unsigned }] } },
      }),
    ],
  ];
  it.each(cases)("%s", async (_, object) => {
    const answer = await webhook.validate(object());
    expect(answer.allowed).toBe(false);
    const message = answer.status?.message ?? "";
    expect(message).toContain("ghcr.io/acme/good");
    expect(message.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
    expect(message.split("\n").filter((line) => /^ {2}allow/.test(line) && line.includes("acme/good"))).toEqual([]);
  });

  it("and is shown, escaped", async () => {
    expect((await webhook.validate(pod(FORGED))).status?.message).toContain(shown);
  });
});

describe("what an author writes has no say in how long a record is", () => {
  const long = "n".repeat(5_000_000);
  const cases: [given: string, object: () => object][] = [
    ["a name of five million characters", () => pod(shop.images.unsigned, {}, { name: undefined, generateName: long })],
    ["an image of five million characters", () => pod(long)],
  ];
  it.each(cases)("%s: the log can be read again", async (_, object) => {
    const answer = await webhook.review("validate", requestFor(object()));
    expect(answer.allowed).toBe(false);
    expect(lastRecord().length).toBeLessThan(LOG_LINE_LIMIT_BYTES / 100);
    expect(verifyLog(logFile())).toMatchObject({ holds: true });
  });
});
