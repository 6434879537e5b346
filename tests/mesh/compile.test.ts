import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { ClusterObjects } from "../../core/cluster/objects.ts";
import { readFolder } from "../../core/cluster/read-folder.ts";
import type { Snapshot } from "../../core/policy/snapshot.ts";
import { changesBetween } from "../../mesh/snapshots/changes.ts";
import { compile } from "../../mesh/snapshots/compile.ts";
import { canonicalJson } from "../../mesh/snapshots/version.ts";
import { MANIFESTS, POLICY } from "./shop.ts";

function read(...texts: string[]): ClusterObjects {
  const folder = mkdtempSync(join(tmpdir(), "outrider-compile-"));
  for (const [index, text] of texts.entries()) writeFileSync(join(folder, `${index}.yaml`), text);
  try {
    return readFolder(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const OPTIONS = { trustDomain: "shop.test", mtls: "strict" } as const;
const snapshots = (...texts: string[]) => compile(read(...texts), OPTIONS);

function snapshotOf(uid: string, ...texts: string[]): Snapshot {
  const snapshot = snapshots(...texts).get(uid);
  if (snapshot === undefined) throw new Error(`no snapshot of ${uid}`);
  return snapshot;
}

const SLICE = `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: payments-a, namespace: shop, labels: { kubernetes.io/service-name: payments } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints:
  - addresses: [127.20.0.3]
  - addresses: [192.0.2.9]
  - addresses: [127.20.0.1]
    conditions: { ready: false }
`;

describe("a snapshot", () => {
  it("says who the workload is", () => {
    expect(snapshotOf("uid-payments", MANIFESTS).workload).toEqual({
      namespace: "shop",
      pod: "payments-1",
      podUid: "uid-payments",
      serviceAccount: "payments",
      spiffeId: "spiffe://shop.test/ns/shop/sa/payments",
      ip: "127.20.0.3",
      labels: { app: "payments" },
      service: "payments",
    });
    expect(snapshotOf("uid-web", MANIFESTS).workload.service).toBe("web");
  });

  it("names the ports that peers dial, by the Service that targets them", () => {
    expect(snapshotOf("uid-payments", MANIFESTS).inbound).toEqual([{ port: 8080, protocol: "http", name: "http" }]);
  });

  it("lists every Service with the hosts that mean it for a caller of that namespace", () => {
    const [payments] = snapshotOf("uid-web", MANIFESTS).outbound;
    expect(payments).toMatchObject({ namespace: "shop", name: "payments", port: 80, protocol: "http" });
    expect(payments?.hosts).toEqual([
      "payments",
      "payments.shop",
      "payments.shop.svc",
      "payments.shop.svc.cluster.local",
    ]);
  });

  it("finds endpoints by the selector when the folder holds no EndpointSlice", () => {
    expect(snapshotOf("uid-web", MANIFESTS).outbound[0]?.endpoints).toEqual([
      { ip: "127.20.0.3", port: 8080, podUid: "uid-payments", spiffeId: "spiffe://shop.test/ns/shop/sa/payments" },
    ]);
  });

  it("takes endpoints from EndpointSlices: ready ones, with the pod behind each address if there is one", () => {
    expect(snapshotOf("uid-web", MANIFESTS, SLICE).outbound[0]?.endpoints).toEqual([
      { ip: "127.20.0.3", port: 8080, podUid: "uid-payments", spiffeId: "spiffe://shop.test/ns/shop/sa/payments" },
      { ip: "192.0.2.9", port: 8080, podUid: "", spiffeId: "" },
    ]);
  });

  it("dials a pod without a sidecar in plain text", () => {
    const text = MANIFESTS.replace(
      "labels: { app: payments } }",
      "labels: { app: payments }, annotations: { outrider.dev/mesh: disabled } }",
    );
    expect(snapshotOf("uid-web", text).outbound[0]?.endpoints).toMatchObject([
      { podUid: "uid-payments", spiffeId: "" },
    ]);
    expect(snapshots(text).has("uid-payments")).toBe(false);
  });

  it("is strict unless the namespace says permissive", () => {
    const text = MANIFESTS.replace("name: shop }", "name: shop, annotations: { outrider.dev/mtls: permissive } }");
    expect([snapshotOf("uid-web", MANIFESTS).mtls, snapshotOf("uid-web", text).mtls]).toEqual(["strict", "permissive"]);
  });

  it("and a word that is neither is no leave to speak in plain text", () => {
    const text = MANIFESTS.replace("name: shop }", "name: shop, annotations: { outrider.dev/mtls: Permisive } }");
    expect(compile(read(text), { ...OPTIONS, mtls: "permissive" }).get("uid-web")?.mtls).toBe("strict");
  });

  it("knows the pods that may meet the workload", () => {
    expect(Object.keys(snapshotOf("uid-payments", MANIFESTS, POLICY).peers).toSorted()).toEqual([
      "uid-batch",
      "uid-payments",
      "uid-web",
    ]);
  });

  it("is not made for pods that are finished or have no address yet", () => {
    const pending = MANIFESTS.replace("status: { podIP: 127.20.0.1 }", "status: {}");
    const finished = MANIFESTS.replace("podIP: 127.20.0.2", "podIP: 127.20.0.2, phase: Succeeded");
    expect([...snapshots(pending).keys()]).not.toContain("uid-web");
    expect([...snapshots(finished).keys()]).not.toContain("uid-batch");
  });
});

describe("a snapshot's version", () => {
  const versionOf = (uid: string, ...texts: string[]) => snapshotOf(uid, ...texts).version;

  it("is the same for the same objects in another order", () => {
    const documents = MANIFESTS.split("---\n");
    expect(versionOf("uid-payments", documents.toReversed().join("---\n"))).toBe(versionOf("uid-payments", MANIFESTS));
  });

  it("changes for the workload a policy selects, and for no other", () => {
    expect(versionOf("uid-payments", MANIFESTS, POLICY)).not.toBe(versionOf("uid-payments", MANIFESTS));
    expect(versionOf("uid-web", MANIFESTS, POLICY)).toBe(versionOf("uid-web", MANIFESTS));
  });

  it("rests on JSON that does not depend on the order of keys", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).toReversed());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe("a change of the cluster is told as", () => {
  const cases: [given: string, before: string[], after: string[], told: string[]][] = [
    ["nothing when nothing changed", [MANIFESTS, POLICY], [MANIFESTS, POLICY], []],
    ["a policy added", [MANIFESTS], [MANIFESTS, POLICY], ["policy-change NetworkPolicy shop/payments added"]],
    ["a policy removed", [MANIFESTS, POLICY], [MANIFESTS], ["policy-change NetworkPolicy shop/payments removed"]],
    [
      "a policy changed",
      [POLICY],
      [POLICY.replace("app: web", "app: batch")],
      ["policy-change NetworkPolicy shop/payments changed"],
    ],
    ["nothing when a policy only moved in its file", [POLICY], [`# comment\n${POLICY}`], []],
    [
      "a deploy when a pod's image changed",
      [MANIFESTS],
      [MANIFESTS.replace("web:1", "web:2")],
      ["deploy Pod shop/web-1 changed: web:2"],
    ],
  ];
  it.each(cases)("%s", (_given, before, after, told) => {
    const events = changesBetween(read(...before), read(...after), 7);
    expect(events.map(({ kind, message }) => `${kind} ${message}`)).toEqual(told);
  });

  it("a deploy when a Deployment's template changed, told by the Deployment alone", () => {
    const deployment = (image: string, replicas: number) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop, labels: { app: web } }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: app, image: "${image}" }] } }
`;
    const before = read(deployment("web:1", 1));
    expect(changesBetween(before, read(deployment("web:1", 3)), 7)).toEqual([]);
    expect(changesBetween(before, read(deployment("web:2", 1)), 7)).toMatchObject([
      {
        kind: "deploy",
        subject: "Deployment shop/web",
        outcome: "changed",
        service: "web",
        attributes: { images: "web:2" },
      },
    ]);
  });
});
