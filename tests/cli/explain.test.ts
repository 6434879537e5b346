import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { Command } from "commander";
import { type Explanation, registerExplain } from "../../cli/explain.ts";
import { MANIFESTS, POLICY } from "../mesh/shop.ts";

const EGRESS = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: batch-stays-home, namespace: shop }
spec:
  podSelector: { matchLabels: { app: batch } }
  policyTypes: [Egress]
`;
const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: reports, namespace: shop }
spec:
  selector: { matchLabels: { app: reports } }
  template:
    metadata: { labels: { app: reports } }
    spec: { containers: [{ name: app, image: "reports:1", ports: [{ name: http, containerPort: 9000 }] }] }
`;
const TWO_WEBS = MANIFESTS.replace(
  "---",
  `---
apiVersion: v1
kind: Pod
metadata: { name: web-0, namespace: shop, uid: uid-web-0, labels: { app: web, canary: "yes" } }
spec: { serviceAccountName: front, containers: [{ name: app, image: "web:2" }] }
status: { podIP: 127.20.0.9 }
---
`,
);

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "outrider-explain-"));
});
afterAll(() => rmSync(root, { recursive: true }));
afterEach(() => {
  process.exitCode = 0;
  jest.restoreAllMocks();
});

async function explain(texts: string[], ...args: string[]): Promise<{ printed: string; exitCode: unknown }> {
  const folder = mkdtempSync(join(root, "manifests-"));
  for (const [index, text] of texts.entries()) writeFileSync(join(folder, `${index}.yaml`), text);
  let printed = "";
  jest.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  const program = new Command().exitOverride();
  registerExplain(program);
  try {
    await program.parseAsync(["explain", ...args, "--cluster", folder], { from: "user" });
  } finally {
    jest.restoreAllMocks();
  }
  return { printed: printed.replaceAll(folder.split("/").at(-1) ?? "", "manifests"), exitCode: process.exitCode };
}

const facts = async (texts: string[], ...args: string[]): Promise<Explanation> =>
  JSON.parse((await explain(texts, ...args, "--json")).printed);

describe("outrider explain", () => {
  it("says a connection is allowed, by which rule at which line", async () => {
    expect(await explain([MANIFESTS, POLICY], "shop/web-1", "shop/payments")).toEqual({
      exitCode: 0,
      printed: `allowed  shop/web-1 → shop/payments-1 port 8080

  allow  egress of shop/web-1        no NetworkPolicy isolates egress
  allow  ingress of shop/payments-1  NetworkPolicy shop/payments ingress[0]  manifests/1.yaml:8
`,
    });
  });

  it("says a connection is refused, by what, and how to mend it", async () => {
    const { printed, exitCode } = await explain([MANIFESTS, POLICY], "shop/batch-1", "shop/payments:80");
    expect(exitCode).toBe(1);
    expect(printed.split("\n")[0]).toBe("refused  shop/batch-1 → shop/payments-1 port 8080");
    expect(printed).toContain("deny   ingress of shop/payments-1  NetworkPolicy shop/payments  manifests/1.yaml:2");
    expect(printed).toContain("fix: add an ingress rule with this peer and port 8080 to NetworkPolicy shop/payments");
  });

  it("judges the caller's egress and the callee's ingress apart", async () => {
    const { tiers } = await facts([MANIFESTS, EGRESS], "batch", "payments");
    expect(tiers.map(({ name, allowed }) => [name, allowed])).toEqual([
      ["egress of shop/batch-1", false],
      ["ingress of shop/payments-1", true],
    ]);
  });

  it("refuses a caller without a sidecar at a strict workload", async () => {
    const bare = MANIFESTS.replace(
      "labels: { app: web } }",
      "labels: { app: web }, annotations: { outrider.dev/mesh: disabled } }",
    );
    const { allowed, tiers } = await facts([bare], "web-1", "payments");
    expect(allowed).toBe(false);
    expect(tiers.find((tier) => !tier.allowed)?.rule).toBe("strict mutual TLS");
  });

  it("judges every pod a name stands for and shows a pair that is refused", async () => {
    const canaryOnly = POLICY.replace("app: web", 'canary: "yes"');
    const explanation = await facts([TWO_WEBS, canaryOnly], "web", "payments");
    expect(explanation).toMatchObject({ allowed: false, from: "shop/web-1", pairs: { judged: 2, refused: 1 } });
    const { printed } = await explain([TWO_WEBS, canaryOnly], "web", "payments");
    expect(printed).toContain("(1 of 2 pod pairs pass)");
  });

  it("answers for a Deployment that runs nowhere yet", async () => {
    const explanation = await facts([MANIFESTS, POLICY, DEPLOYMENT], "reports", "payments");
    expect(explanation).toMatchObject({ allowed: false, from: "shop/reports" });
    expect(await facts([MANIFESTS, DEPLOYMENT], "web", "reports:http")).toMatchObject({ allowed: true, port: 9000 });
  });

  it("says that no policy judges the request itself, when asked about one", async () => {
    const { printed } = await explain([MANIFESTS, POLICY], "web", "payments", "post", "/pay");
    expect(printed).toContain("allow  POST /pay: no authorization policy judges methods and paths");
  });
});

describe("outrider explain refuses", () => {
  const cases: [given: string, from: string, to: string, code: string, message: string][] = [
    [
      "a name nobody has, with the nearest one",
      "shop/wbe-1",
      "payments",
      "CLI_NO_SUCH_WORKLOAD",
      'did you mean "shop/web-1"?',
    ],
    ["a namespace nobody has", "bank/web-1", "payments", "CLI_NO_SUCH_WORKLOAD", "bank/web-1: not in the folder"],
    ["a port the Service does not have", "web", "payments:81", "CLI_NO_SUCH_PORT", "no port 81, it has 80, 8080"],
    ["a pod without a declared port when none is written", "payments", "web", "CLI_AMBIGUOUS", "which port?"],
  ];
  it.each(cases)("%s", async (_given, from, to, code, message) => {
    await expect(explain([MANIFESTS], from, to)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  it("a folder with faults", async () => {
    await expect(explain(["kind: ["], "a", "b")).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});
