import fc from "fast-check";
import type { NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from "kubernetes-types/networking/v1.d.ts";
import type { Question, ReferencePod, ReferenceWorld } from "./network-policy-reference.ts";

/** Few values each, so that random policies and random pods meet often. */
const KEYS = ["app", "tier", "env"];
const VALUES = ["web", "db", ""];
const NAMESPACES = ["shop", "ops", "bank"];
const IPS = ["10.0.0.1", "10.0.0.9", "10.0.1.1", "192.168.0.1", "fd00::1", "fd00:0:0:1::5"];
const CIDRS = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.0.8/29", "10.0.0.9/32", "::/0", "fd00::/64", "fd00::/8"];
const INSIDE: Record<string, readonly string[]> = {
  "0.0.0.0/0": ["10.0.0.0/24", "10.0.0.9/32"],
  "10.0.0.0/8": ["10.0.0.8/29", "10.0.0.0/16"],
  "10.0.0.0/24": ["10.0.0.9/32"],
  "::/0": ["fd00::/64"],
  "fd00::/8": ["fd00::/64", "fd00::1/128"],
};
export const PORTS = [53, 80, 8080, 8081, 9090];
const NAMES = ["http", "dns", "admin"];
const PROTOCOLS = ["TCP", "UDP", "SCTP"] as const;

const labels = fc.dictionary(fc.constantFrom(...KEYS), fc.constantFrom(...VALUES), {
  maxKeys: 3,
  noNullPrototype: true,
});
const requirement = fc.oneof(
  fc.record({
    key: fc.constantFrom(...KEYS),
    operator: fc.constantFrom("In", "NotIn"),
    values: fc.uniqueArray(fc.constantFrom(...VALUES), { minLength: 1 }),
  }),
  fc.record({ key: fc.constantFrom(...KEYS), operator: fc.constantFrom("Exists", "DoesNotExist") }),
);
const selector = fc.record(
  { matchLabels: labels, matchExpressions: fc.array(requirement, { maxLength: 2 }) },
  { requiredKeys: [] },
);
const namespaceSelector = fc.oneof(
  selector,
  fc.constantFrom(...NAMESPACES).map((name) => ({ matchLabels: { "kubernetes.io/metadata.name": name } })),
);
const ipBlock = fc
  .constantFrom(...CIDRS)
  .chain((cidr) =>
    fc.subarray([...(INSIDE[cidr] ?? [])]).map((except) => (except.length === 0 ? { cidr } : { cidr, except })),
  );
const peer: fc.Arbitrary<NetworkPolicyPeer> = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector }),
  fc.record({ podSelector: selector, namespaceSelector }),
  fc.record({ ipBlock }),
);
const port: fc.Arbitrary<NetworkPolicyPort> = fc.oneof(
  fc.record(
    { protocol: fc.constantFrom(...PROTOCOLS), port: fc.constantFrom(...PORTS, ...NAMES) },
    { requiredKeys: [] },
  ),
  fc.record({ port: fc.constantFrom(80, 8080), endPort: fc.constantFrom(8080, 8081, 9090) }),
);
const peers = fc.array(peer, { maxLength: 3 });
const ports = fc.array(port, { maxLength: 3 });
const spec: fc.Arbitrary<NetworkPolicySpec> = fc.record(
  {
    podSelector: selector,
    policyTypes: fc.subarray(["Ingress", "Egress"]),
    ingress: fc.array(fc.record({ from: peers, ports }, { requiredKeys: [] }), { maxLength: 3 }),
    egress: fc.array(fc.record({ to: peers, ports }, { requiredKeys: [] }), { maxLength: 3 }),
  },
  { requiredKeys: ["podSelector"] },
);
const podAt = (index: number): fc.Arbitrary<ReferencePod> =>
  fc
    .record({
      namespace: fc.constantFrom(...NAMESPACES),
      labels,
      hostNetwork: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
      hostIp: fc.option(fc.constantFrom("10.9.0.1", "fd00::9", ...IPS), { nil: undefined }),
      ports: fc.array(
        fc.record({
          name: fc.constantFrom(...NAMES),
          number: fc.constantFrom(...PORTS),
          protocol: fc.constantFrom(...PROTOCOLS),
        }),
        { maxLength: 3 },
      ),
    })
    .map(({ hostIp, ...pod }) => ({
      ...pod,
      uid: `uid-${index}`,
      ip: IPS[index] ?? "",
      ...(hostIp === undefined ? {} : { hostIp }),
    }));
/** Random clusters of four pods, three namespaces and up to four policies. */
export const world: fc.Arbitrary<ReferenceWorld> = fc.record({
  pods: fc.tuple(...[0, 1, 2, 3].map(podAt)),
  namespaces: fc.record({ shop: labels, ops: labels, bank: labels }),
  policies: fc.array(fc.record({ namespace: fc.constantFrom(...NAMESPACES), spec }), { minLength: 1, maxLength: 4 }),
});

/** Every pod, direction, peer (each pod, and an address alone), protocol and port of a world. */
export function questionsOf({ pods }: ReferenceWorld): Question[] {
  const others = [...pods.map((it) => ({ peer: it, ip: it.ip })), ...IPS.map((ip) => ({ ip }))];
  const asked = PORTS.flatMap((number) => PROTOCOLS.map((protocol) => ({ protocol, port: number })));
  return pods.flatMap((pod) =>
    (["ingress", "egress"] as const).flatMap((direction) =>
      others.flatMap((other) => asked.map((what) => ({ pod, direction, ...other, ...what }))),
    ),
  );
}
