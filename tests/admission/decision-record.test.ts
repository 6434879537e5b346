import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { request } from "undici";
import type { Part, Verdict } from "../../admission/judge.ts";
import { type DecisionRecord, decisionRecord } from "../../admission/record/decision-record.ts";
import { LogFile } from "../../admission/record/log-file.ts";
import { verifyLog } from "../../admission/record/verify-log.ts";
import type { ReviewRequest } from "../../admission/review.ts";
import { CodedError } from "../../core/base/errors.ts";
import type { Proof } from "../../core/policy/admissible.ts";
import type { ImagePolicy } from "../../core/policy/images/schema/image-policy-schema.ts";
import { openShop, pod, type Shop, startWebhook, type Webhook } from "./support/webhook.ts";

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});

afterAll(() => shop.registry.close());

const state = (webhook: Webhook) => join(webhook.folder, "state");

function records(webhook: Webhook): DecisionRecord[] {
  return readFileSync(join(state(webhook), "decisions.log"), "utf8")
    .split("\n")
    .filter((line) => line.includes('"uid":'))
    .map((line) => JSON.parse(line) as DecisionRecord);
}

describe("the record of a decision", () => {
  it("says on what each image was admitted, which policies were in force, and why the author changed it", async () => {
    const webhook = await startWebhook(shop);
    const annotations = { "outrider.dev/change-reason": "CHG-4711\nforged line" };
    await webhook.admit(pod(shop.images.good, {}, { annotations }));
    const [first] = records(webhook);
    await webhook.close();
    expect(first).toMatchObject({
      outcome: "allow",
      reason: "CHG-4711\\u{a}forged line",
      policies: expect.stringMatching(/^[0-9a-f]{16}$/),
      images: [{ path: "spec.containers[0].image", signers: ["acme-release"], grounds: "evidence" }],
    });
  });
});

describe("the record of an image", () => {
  const digest = `sha256:${"a".repeat(64)}` as const;
  const facts = { pointer: "/i", digest, signers: ["acme-release"], signed: "", scan: "" };
  const part = (more: Partial<Part>): Part => ({
    path: "spec.containers[0].image",
    about: "a",
    rule: "ImagePolicy p",
    mode: "enforce",
    decision: { kind: "allow" },
    facts,
    ...more,
  });
  const recordOf = (...parts: Part[]): DecisionRecord => recordUnder([], parts);
  const recordUnder = (policies: readonly ImagePolicy[], parts: readonly Part[] = []): DecisionRecord => {
    const subject = { name: "Pod shop/web", images: [], namespace: "shop" };
    const rules = { images: [], stored: new Set(), levels: [], rego: [] };
    const asked = { uid: "1", operation: "CREATE", username: "alice" } as unknown as ReviewRequest;
    return decisionRecord("validate", asked, { subject, rules, parts } as unknown as Verdict, policies, 0);
  };

  it("names commit and builder where verified provenance does", () => {
    const provenance = {
      signer: "ci",
      predicateType: "https://slsa.dev/provenance/v1",
      digest,
      builder: "https://ci",
      sourceCommit: "abc",
    };
    const proofs = [{ signer: "acme-release", role: "release" }, provenance] as unknown as [Proof];
    expect(recordOf(part({ grounds: { kind: "evidence", by: "p", digest, proofs } })).images).toEqual([
      expect.objectContaining({ grounds: "evidence", sourceCommit: "abc", builder: "https://ci" }),
    ]);
  });

  it("has the same version for the same policies, and another for others", () => {
    const versionOf = (...policies: object[]) => recordUnder(policies as unknown as ImagePolicy[]).policies;
    expect(versionOf({ a: 1 }, { b: 2 })).toBe(versionOf({ a: 1 }, { b: 2 }));
    expect(versionOf({ a: 1 }, { b: 2 })).not.toBe(versionOf({ a: 1 }, { b: 3 }));
  });

  it("says that a running digest was let keep its grace", () => {
    expect(recordOf(part({ grounds: { kind: "running", by: "p", digest } })).images[0]?.grounds).toBe("running");
  });

  it("says that nothing was found out and it was admitted all the same, and only then", () => {
    const cause = new CodedError("REG_UNREACHABLE", "no answer", "retry");
    const undecided = { kind: "undecided", where: "the registry", cause } as const;
    const open = recordOf(part({ decision: undecided, onUndecided: "allow-audited" }));
    expect(open).toMatchObject({ failOpen: true, unknown: ["REG_UNREACHABLE"] });
    const closed = recordOf(part({ decision: undecided }));
    expect(closed).toMatchObject({ outcome: "undecided", unknown: ["REG_UNREACHABLE"] });
    expect(closed.failOpen).toBeUndefined();
  });
});

describe("while decisions cannot be recorded", () => {
  const append = LogFile.prototype.append;
  afterEach(() => {
    LogFile.prototype.append = append;
  });
  const breakDisk = () => {
    LogFile.prototype.append = () => {
      throw new CodedError("DISK_FULL", "no space left on device", "free disk space");
    };
  };
  const adminText = async (webhook: Webhook, path: string) => {
    const { statusCode, body } = await request(`${webhook.admin}${path}`);
    return { status: statusCode, text: await body.text() };
  };

  it("the gate goes on answering by default, counts what is lost, and says so in the log later", async () => {
    const webhook = await startWebhook(shop);
    breakDisk();
    expect((await webhook.admit(pod(shop.images.good))).answer.allowed).toBe(true);
    expect((await webhook.admit(pod(shop.images.unsigned))).answer.allowed).toBe(false);
    expect((await adminText(webhook, "/metrics")).text).toContain(
      'outrider_admission_decision_records_total{result="lost"} 2',
    );
    expect((await adminText(webhook, "/readyz")).status).toBe(200);
    LogFile.prototype.append = append;
    await webhook.admit(pod(shop.images.good));
    expect(verifyLog(state(webhook))).toMatchObject({ holds: true, summary: { records: 1, lost: 2 } });
    await webhook.close();
  });

  it("it admits nothing and is not ready where it is told to", async () => {
    const webhook = await startWebhook(shop, { audit: { whenUnwritable: "refuse" } });
    breakDisk();
    const { allowed, status } = (await webhook.admit(pod(shop.images.good))).answer;
    expect(allowed).toBe(false);
    expect(status?.message).toMatch(/AUDIT_UNWRITABLE: .*the decision log: no space left on device/);
    expect(await adminText(webhook, "/readyz")).toMatchObject({
      status: 503,
      text: expect.stringContaining("decision log: "),
    });
    LogFile.prototype.append = append;
    await webhook.close();
  });
});
