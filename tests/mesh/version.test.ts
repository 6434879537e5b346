import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { ClusterObjects } from "../../core/cluster/objects.ts";
import { NO_OBJECTS } from "../../core/cluster/objects.ts";
import { compile } from "../../mesh/snapshots/compile.ts";
import { checkSnapshot } from "../../sidecar/control/check.ts";

/** Label keys as Kubernetes takes them, numbers among them: objects list those in an order of their own. */
const key = fc.oneof(
  fc.constantFrom("9", "10", "007", "a", "B", "app", "constructor", "__proto__"),
  fc.stringMatching(/^[a-z0-9]{1,3}$/),
);
const labels = fc.dictionary(key, fc.string({ maxLength: 4 }), { maxKeys: 6 });
const uid = fc.oneof(fc.integer({ min: 0, max: 30 }).map(String), fc.uuid());

const clusterOf = (pods: readonly { uid: string; labels: Record<string, string> }[]): ClusterObjects => ({
  ...NO_OBJECTS,
  pods: pods.map((pod, index) => ({
    apiVersion: "v1",
    kind: "Pod",
    source: "m.yaml:1",
    metadata: { name: `pod-${index}`, namespace: "shop", ...pod },
    spec: { containers: [{ name: "a" }] },
    status: { podIP: `10.0.0.${index + 1}` },
  })),
});

describe("the version of a snapshot", () => {
  it("is the one a sidecar computes from what it received, whatever the labels and uids", () => {
    const pods = fc.uniqueArray(fc.record({ uid, labels }), { selector: (pod) => pod.uid, minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(pods, (list) => {
        for (const [podUid, snapshot] of compile(clusterOf(list), { trustDomain: "shop.test", mtls: "strict" })) {
          expect(checkSnapshot(JSON.parse(JSON.stringify(snapshot)), podUid).version).toBe(snapshot.version);
        }
      }),
    );
  });
});
