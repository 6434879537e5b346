import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { stringify } from "yaml";
import { explainConnection } from "../../cli/explain.ts";
import { readFolder } from "../../core/cluster/read-folder.ts";
import type { Snapshot } from "../../core/policy/snapshot.ts";
import { compile } from "../../mesh/snapshots/compile.ts";
import { judgeEgress, judgeIngress } from "../../sidecar/authorize.ts";
import { checkSnapshot } from "../../sidecar/control/check.ts";
import { Snapshots } from "../../sidecar/control/snapshots.ts";
import { meshedPeer } from "../../sidecar/identity/peer.ts";
import { type ReferencePod, type ReferenceWorld, referenceAllows } from "../core/policy/network-policy-reference.ts";
import { PORTS, world } from "../core/policy/network-policy-worlds.ts";

const TRUST_DOMAIN = "shop.test";
const root = mkdtempSync(join(tmpdir(), "outrider-explain-"));
afterAll(() => rmSync(root, { recursive: true }));

/** The cluster as a person has it: YAML files that know nothing of the evaluators. */
function writeManifests({ pods, namespaces, policies }: ReferenceWorld): string {
  const folder = mkdtempSync(join(root, "manifests-"));
  const objects = [
    ...Object.entries(namespaces).map(([name, labels]) => ({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name, labels },
    })),
    ...pods.map((pod) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: pod.uid, namespace: pod.namespace, uid: pod.uid, labels: pod.labels },
      spec: {
        hostNetwork: pod.hostNetwork,
        containers: [
          {
            name: "a",
            ports: pod.ports.map(({ name, number, protocol }) => ({ name, containerPort: number, protocol })),
          },
        ],
      },
      status: { podIP: pod.ip, ...(pod.hostIp === undefined ? {} : { hostIP: pod.hostIp }) },
    })),
    ...policies.map(({ namespace, spec }, index) => ({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: `p${index}`, namespace },
      spec,
    })),
  ];
  writeFileSync(
    join(folder, "all.yaml"),
    objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join("---\n"),
  );
  return folder;
}

/** What the documentation says of a connection between two pods in a strict mesh; hostNetwork pods have no sidecar. */
function documentationAllows(it: ReferenceWorld, caller: ReferencePod, callee: ReferencePod, port: number): boolean {
  const what = { protocol: "TCP", port } as const;
  const egress = referenceAllows(it, { pod: caller, direction: "egress", peer: callee, ip: callee.ip, ...what });
  const proven = caller.hostNetwork ? {} : { peer: caller };
  const ingress = referenceAllows(it, { pod: callee, direction: "ingress", ...proven, ip: caller.ip, ...what });
  return egress && ingress && (callee.hostNetwork || !caller.hostNetwork);
}

/** What the two sidecars do with the snapshots the mesh compiles, taken in as they take them off the wire. */
function sidecarsAllow(
  snapshots: ReadonlyMap<string, Snapshot>,
  caller: ReferencePod,
  callee: ReferencePod,
  port: number,
) {
  const inForce = (pod: ReferencePod) => {
    const held = new Snapshots();
    held.replace(checkSnapshot(JSON.parse(JSON.stringify(snapshots.get(pod.uid))), pod.uid));
    const current = held.current();
    if (current === undefined) throw new Error("nothing in force");
    return current;
  };
  const at = inForce(callee);
  const spiffeId = snapshots.get(caller.uid)?.workload.spiffeId ?? "";
  const verified = { spiffeId, podUid: caller.uid, notBeforeMs: 0, notAfterMs: 1, serial: "01" };
  const endpoint = { ip: callee.ip, port, podUid: callee.uid, spiffeId: at.snapshot.workload.spiffeId };
  return (
    judgeEgress(inForce(caller), endpoint).allowed &&
    judgeIngress(at, meshedPeer(verified, caller.ip, at), port).allowed
  );
}

describe("of any cluster's manifests", () => {
  it("explain says what the documentation says, and the sidecars do it", async () => {
    const said = { yes: 0, no: 0 };
    const pair = fc.record({ caller: fc.nat(3), callee: fc.nat(3), port: fc.constantFrom(...PORTS) });
    await fc.assert(
      fc.asyncProperty(world, fc.array(pair, { minLength: 4, maxLength: 4 }), async (it, pairs) => {
        const folder = writeManifests(it);
        const snapshots = compile(readFolder(folder), { trustDomain: TRUST_DOMAIN, mtls: "strict" });
        for (const { caller: from, callee: to, port } of pairs) {
          const [caller, callee] = [it.pods[from], it.pods[to]];
          if (caller === undefined || callee === undefined) continue;
          const expected = documentationAllows(it, caller, callee, port);
          said[expected ? "yes" : "no"]++;
          const explained = await explainConnection({ folder, from: caller.uid, to: `${callee.uid}:${port}` });
          const answers = [explained.allowed];
          if (!caller.hostNetwork && !callee.hostNetwork) answers.push(sidecarsAllow(snapshots, caller, callee, port));
          expect({ caller, callee, port, answers: [...new Set(answers)] }).toEqual({
            caller,
            callee,
            port,
            answers: [expected],
          });
        }
      }),
      { numRuns: 40 },
    );
    expect(Math.min(said.yes, said.no)).toBeGreaterThan(10);
  });
});
