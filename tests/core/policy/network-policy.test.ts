import { describe, expect, it } from "@jest/globals";
import type { NetworkPolicySpec } from "kubernetes-types/networking/v1.d.ts";
import { type ConnectionVerdict, judgeConnection } from "../../../core/policy/network/network-policy.ts";
import {
  compileNetworkPolicy,
  type Direction,
  type PolicyPod,
  type PolicyWorld,
} from "../../../core/policy/network/network-policy-compile.ts";

function pod(uid: string, namespace: string, labels: Record<string, string>, more: Partial<PolicyPod> = {}): PolicyPod {
  return { uid, namespace, labels, hostNetwork: false, ports: [], ...more };
}

const PAYMENTS = pod(
  "payments",
  "shop",
  { app: "payments" },
  {
    hostIp: "10.9.0.1",
    ports: [
      { name: "http", number: 8080, protocol: "TCP" },
      { name: "dns", number: 53, protocol: "UDP" },
    ],
  },
);
const WEB = pod("web", "shop", { app: "web", tier: "front" });
const BATCH = pod("batch", "shop", { app: "batch" });
const OPS = pod("ops", "ops", { app: "web" }, { ports: [{ name: "http", number: 9090, protocol: "TCP" }] });
const NODE = pod("node-agent", "ops", { app: "web" }, { hostNetwork: true });

function world(...specs: Partial<NetworkPolicySpec>[]): PolicyWorld {
  return {
    pods: [PAYMENTS, WEB, BATCH, OPS, NODE],
    namespaceLabels: new Map([
      ["shop", { "kubernetes.io/metadata.name": "shop", team: "sales" }],
      ["ops", { "kubernetes.io/metadata.name": "ops", team: "platform" }],
    ]),
    policies: specs.map((spec, index) => ({
      name: `p${index}`,
      namespace: "shop",
      source: `p.yaml:${index + 1}`,
      spec: { podSelector: { matchLabels: { app: "payments" } }, ...spec },
      ruleSources: { ingress: [`p.yaml:${index + 7}`], egress: [] },
    })),
  };
}

interface Call {
  readonly from?: PolicyPod;
  readonly ip?: string;
  readonly port?: number;
  readonly protocol?: "TCP" | "UDP" | "SCTP";
}

function judge(direction: Direction, specs: Partial<NetworkPolicySpec>[], call: Call): ConnectionVerdict {
  const policy = compileNetworkPolicy(PAYMENTS, direction, world(...specs));
  const uid = call.from === undefined ? {} : { podUid: call.from.uid };
  const port = { protocol: call.protocol ?? "TCP", number: call.port ?? 8080 } as const;
  return judgeConnection(policy, { ...uid, ip: call.ip ?? "10.0.0.1" }, port);
}

/** A rule each, in the words of the NetworkPolicy v1 reference, and the pods of the world it lets in. */
describe("an ingress rule lets in", () => {
  const front = { podSelector: { matchLabels: { tier: "front" } } };
  const cases: [given: string, ingress: NetworkPolicySpec["ingress"], allowed: string[]][] = [
    ["nobody when there are no rules", [], []],
    ["nobody when rules are absent", undefined, []],
    ["anyone when from is absent", [{}], ["web", "batch", "ops", "address"]],
    ["anyone when from is empty", [{ from: [] }], ["web", "batch", "ops", "address"]],
    [
      "the pods a podSelector means, in the policy's namespace alone",
      [{ from: [{ podSelector: { matchLabels: { app: "web" } } }] }],
      ["web"],
    ],
    ["every pod of the namespace for an empty podSelector", [{ from: [{ podSelector: {} }] }], ["web", "batch"]],
    [
      "every pod of the namespaces a namespaceSelector means",
      [{ from: [{ namespaceSelector: { matchLabels: { team: "platform" } } }] }],
      ["ops"],
    ],
    [
      "every pod of every namespace for an empty namespaceSelector",
      [{ from: [{ namespaceSelector: {} }] }],
      ["web", "batch", "ops"],
    ],
    ["those that both selectors of one peer mean", [{ from: [{ namespaceSelector: {}, ...front }] }], ["web"]],
    [
      "those that either of two peers means",
      [{ from: [{ namespaceSelector: { matchLabels: { team: "platform" } } }, front] }],
      ["web", "ops"],
    ],
    [
      "a namespace by the name every namespace is labelled with",
      [{ from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "ops" } } }] }],
      ["ops"],
    ],
    [
      "pods by In",
      [{ from: [{ podSelector: { matchExpressions: [{ key: "app", operator: "In", values: ["web", "x"] }] } }] }],
      ["web"],
    ],
    [
      "pods by NotIn, also those without the label",
      [{ from: [{ podSelector: { matchExpressions: [{ key: "tier", operator: "NotIn", values: ["front"] }] } }] }],
      ["batch"],
    ],
    [
      "pods by Exists",
      [{ from: [{ podSelector: { matchExpressions: [{ key: "tier", operator: "Exists" }] } }] }],
      ["web"],
    ],
    [
      "pods by DoesNotExist",
      [{ from: [{ podSelector: { matchExpressions: [{ key: "tier", operator: "DoesNotExist" }] } }] }],
      ["batch"],
    ],
    [
      "nobody by an operator that does not exist",
      [{ from: [{ podSelector: { matchExpressions: [{ key: "app", operator: "Like" }] } }] }],
      [],
    ],
    [
      "an address of its block, whoever calls from it",
      [{ from: [{ ipBlock: { cidr: "10.0.0.0/24" } }] }],
      ["web", "batch", "ops", "address"],
    ],
    [
      "no address of the block's exceptions",
      [{ from: [{ ipBlock: { cidr: "10.0.0.0/24", except: ["10.0.0.0/30"] } }] }],
      [],
    ],
  ];
  it.each(cases)("%s", (_given, ingress, allowed) => {
    const callers: [string, Call][] = [
      ["web", { from: WEB }],
      ["batch", { from: BATCH }],
      ["ops", { from: OPS }],
      ["address", {}],
    ];
    const spec = { policyTypes: ["Ingress"], ...(ingress === undefined ? {} : { ingress }) };
    expect(callers.filter(([, call]) => judge("ingress", [spec], call).allowed).map(([name]) => name)).toEqual(allowed);
  });
});

describe("a rule's ports", () => {
  const cases: [
    given: string,
    ports: NonNullable<NetworkPolicySpec["ingress"]>[0]["ports"],
    call: Call,
    allowed: boolean,
  ][] = [
    ["absent, mean every port", undefined, { port: 1 }, true],
    ["empty, mean every port", [], { port: 1 }, true],
    ["are TCP unless they say otherwise", [{ port: 8080 }], {}, true],
    ["are TCP unless they say otherwise, so not UDP", [{ port: 8080 }], { protocol: "UDP" }, false],
    ["without a number mean the whole protocol", [{ protocol: "UDP" }], { protocol: "UDP", port: 9 }, true],
    ["mean the port itself, not its neighbour", [{ port: 8080 }], { port: 8081 }, false],
    ["reach up to endPort", [{ port: 8000, endPort: 8080 }], {}, true],
    ["reach no further than endPort", [{ port: 8000, endPort: 8079 }], {}, false],
    ["by name mean the pod's own port of that name", [{ port: "http" }], {}, true],
    ["by name want the protocol too", [{ port: "dns" }], { port: 53 }, false],
    ["by a name the pod does not have mean none", [{ port: "admin" }], {}, false],
    ["add up", [{ port: 1 }, { port: 8080 }], {}, true],
  ];
  it.each(cases)("%s", (_given, ports, call, allowed) => {
    const rule = ports === undefined ? {} : { ports };
    expect(judge("ingress", [{ ingress: [rule] }], { from: WEB, ...call }).allowed).toBe(allowed);
  });

  it("by name towards others mean each destination's own number", () => {
    const spec = { policyTypes: ["Egress"], egress: [{ to: [{ namespaceSelector: {} }], ports: [{ port: "http" }] }] };
    expect(judge("egress", [spec], { from: OPS, port: 9090 }).allowed).toBe(true);
    expect(judge("egress", [spec], { from: OPS, port: 8080 }).allowed).toBe(false);
    expect(judge("egress", [spec], { ip: "10.0.0.1", port: 9090 }).allowed).toBe(false);
  });
});

/** One policy on the payments pod, one call, one answer: what the tables above leave out. */
describe("the documentation's words, one by one", () => {
  const web = { podSelector: { matchLabels: { app: "web" } } };
  const platform = { namespaceSelector: { matchLabels: { team: "platform" } } };
  const out = (egress: NetworkPolicySpec["egress"]) => ({ policyTypes: ["Egress"], ...(egress ? { egress } : {}) });
  const from = (...peers: NonNullable<NonNullable<NetworkPolicySpec["ingress"]>[0]["from"]>) => ({
    ingress: [{ from: peers }],
  });
  const expressions = (operator: string, values?: string[]) =>
    from({ podSelector: { matchExpressions: [{ key: "tier", operator, ...(values ? { values } : {}) }] } });
  const cases: [given: string, direction: Direction, spec: Partial<NetworkPolicySpec>, call: Call, allowed: boolean][] =
    [
      ["an egress-only policy leaves ingress open", "ingress", out([]), { from: BATCH }, true],
      [
        "an egress-only policy ignores its ingress rules",
        "egress",
        { ...out([]), ingress: [{}] },
        { from: WEB },
        false,
      ],
      [
        "an ingress-only policy leaves egress open",
        "egress",
        { policyTypes: ["Ingress"], egress: [] },
        { from: WEB },
        true,
      ],
      [
        "an ingress type ignores egress rules",
        "egress",
        { policyTypes: ["Ingress"], egress: [{ to: [web] }] },
        { from: BATCH },
        true,
      ],
      ["absent egress under the type denies all", "egress", out(undefined), { from: WEB }, false],
      ["an empty egress rule allows all, addresses too", "egress", out([{}]), { ip: "203.0.113.1" }, true],
      ["an empty to allows all", "egress", out([{ to: [] }]), { ip: "203.0.113.1", port: 443 }, true],
      [
        "to with a podSelector is no address",
        "egress",
        out([{ to: [{ podSelector: {} }] }]),
        { ip: "203.0.113.1" },
        false,
      ],
      [
        "to with both selectors wants both: namespace wrong",
        "egress",
        out([{ to: [{ ...platform, ...web }] }]),
        { from: WEB },
        false,
      ],
      [
        "to with both selectors wants both: both right",
        "egress",
        out([{ to: [{ ...platform, ...web }] }]),
        { from: OPS },
        true,
      ],
      ["two peers of to want one: the pod", "egress", out([{ to: [platform, web] }]), { from: WEB }, true],
      ["two peers of to want one: neither", "egress", out([{ to: [platform, web] }]), { from: BATCH }, false],
      [
        "ports without a number are a protocol",
        "egress",
        out([{ ports: [{ protocol: "UDP" }] }]),
        { from: WEB, protocol: "TCP" },
        false,
      ],
      [
        "SCTP is its own protocol",
        "ingress",
        { ingress: [{ ports: [{ protocol: "SCTP", port: 8080 }] }] },
        { from: WEB, protocol: "SCTP" },
        true,
      ],
      ["a block holds IPv6", "ingress", from({ ipBlock: { cidr: "fd00::/8" } }), { ip: "fd12:3456::1" }, true],
      ["a block of IPv6 holds no IPv4", "ingress", from({ ipBlock: { cidr: "::/0" } }), { ip: "10.0.0.1" }, false],
      ["a block of IPv4 holds no IPv6", "ingress", from({ ipBlock: { cidr: "0.0.0.0/0" } }), { ip: "fd00::1" }, false],
      [
        "IPv4 on a socket of both is IPv4",
        "ingress",
        from({ ipBlock: { cidr: "10.0.0.0/8" } }),
        { ip: "::ffff:10.0.0.1" },
        true,
      ],
      [
        "an exception of IPv6 excepts",
        "ingress",
        from({ ipBlock: { cidr: "fd00::/8", except: ["fd00:1::/32"] } }),
        { ip: "fd00:1::9" },
        false,
      ],
      [
        "beside an exception the block holds",
        "ingress",
        from({ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }),
        { ip: "10.2.0.1" },
        true,
      ],
      [
        "another peer may allow what a block excepts",
        "ingress",
        from({ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }, web),
        { from: WEB, ip: "10.1.0.1" },
        true,
      ],
      [
        "the first address of a block belongs to it",
        "ingress",
        from({ ipBlock: { cidr: "10.0.0.8/29" } }),
        { ip: "10.0.0.8" },
        true,
      ],
      [
        "the last address of a block belongs to it",
        "ingress",
        from({ ipBlock: { cidr: "10.0.0.8/29" } }),
        { ip: "10.0.0.15" },
        true,
      ],
      ["the one after it does not", "ingress", from({ ipBlock: { cidr: "10.0.0.8/29" } }), { ip: "10.0.0.16" }, false],
      [
        "a peer without a uid is no pod, even at a pod's address",
        "ingress",
        from({ podSelector: {} }),
        { ip: "10.0.0.7" },
        false,
      ],
      [
        "a pod of the host's network is its address",
        "ingress",
        from({ ipBlock: { cidr: "10.0.0.0/24" } }),
        { from: NODE },
        true,
      ],
      ["In wants one of the values", "ingress", expressions("In", ["back", "front"]), { from: WEB }, true],
      ["In wants the key", "ingress", expressions("In", ["front"]), { from: BATCH }, false],
      ["NotIn takes those without the key", "ingress", expressions("NotIn", ["front"]), { from: BATCH }, true],
      ["NotIn refuses the value", "ingress", expressions("NotIn", ["front"]), { from: WEB }, false],
      ["Exists wants the key", "ingress", expressions("Exists"), { from: BATCH }, false],
      ["DoesNotExist wants it absent", "ingress", expressions("DoesNotExist"), { from: WEB }, false],
      [
        "one endPort is one port",
        "ingress",
        { ingress: [{ ports: [{ port: 8080, endPort: 8080 }] }] },
        { from: WEB },
        true,
      ],
      [
        "a range begins at its port",
        "ingress",
        { ingress: [{ ports: [{ port: 8081, endPort: 9000 }] }] },
        { from: WEB },
        false,
      ],
    ];
  it.each(cases)("%s", (_given, direction, spec, call, allowed) => {
    expect(judge(direction, [spec], call).allowed).toBe(allowed);
  });
});

describe("a policy isolates", () => {
  const cases: [given: string, spec: Partial<NetworkPolicySpec>, ingress: boolean, egress: boolean][] = [
    ["ingress alone when it says nothing", {}, true, false],
    ["ingress alone with an empty egress list and no types", { egress: [] }, true, false],
    ["both when it has egress rules and no types", { egress: [{ to: [{ podSelector: {} }] }] }, true, true],
    ["egress alone when that is its type", { policyTypes: ["Egress"] }, false, true],
    ["both when both are its types", { policyTypes: ["Ingress", "Egress"] }, true, true],
    [
      "nothing when it selects other pods",
      { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Ingress", "Egress"] },
      false,
      false,
    ],
    [
      "every pod of the namespace with an empty podSelector",
      { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
      true,
      true,
    ],
  ];
  it.each(cases)("%s", (_given, spec, ingress, egress) => {
    expect(compileNetworkPolicy(PAYMENTS, "ingress", world(spec)).isolated).toBe(ingress);
    expect(compileNetworkPolicy(PAYMENTS, "egress", world(spec)).isolated).toBe(egress);
  });

  it("no pod of another namespace", () => {
    expect(compileNetworkPolicy({ ...OPS, labels: PAYMENTS.labels }, "ingress", world({})).isolated).toBe(false);
  });

  it("no pod of the host's network", () => {
    expect(compileNetworkPolicy({ ...PAYMENTS, hostNetwork: true }, "ingress", world({})).isolated).toBe(false);
  });
});

describe("an isolated pod", () => {
  it("may always talk with itself", () => {
    expect(judge("ingress", [{}], { from: PAYMENTS }).allowed).toBe(true);
    expect(judge("egress", [{ policyTypes: ["Egress"] }], { from: PAYMENTS }).allowed).toBe(true);
  });

  it("may always talk with its own node", () => {
    expect(judge("ingress", [{}], { ip: "10.9.0.1" }).allowed).toBe(true);
    expect(judge("ingress", [{}], { ip: "10.9.0.2" }).allowed).toBe(false);
  });

  it("is reached by what any one of its policies allows", () => {
    const web = { ingress: [{ from: [{ podSelector: { matchLabels: { app: "web" } } }] }] };
    expect(judge("ingress", [{}, web], { from: WEB }).allowed).toBe(true);
    expect(judge("ingress", [web, {}], { from: WEB }).allowed).toBe(true);
  });

  it("does not take a pod of the host's network for the labels it wears", () => {
    const spec = { ingress: [{ from: [{ namespaceSelector: {}, podSelector: {} }] }] };
    expect(judge("ingress", [spec], { from: NODE }).allowed).toBe(false);
  });

  it("does not take an address for a pod: without a pod uid no podSelector matches", () => {
    expect(judge("ingress", [{ ingress: [{ from: [{ namespaceSelector: {} }] }] }], {}).allowed).toBe(false);
  });
});

describe("a verdict names", () => {
  const spec = { ingress: [{ from: [{ podSelector: { matchLabels: { app: "web" } } }], ports: [{ port: 8080 }] }] };

  it("the rule that allowed it, with its place", () => {
    expect(judge("ingress", [spec], { from: WEB })).toEqual({
      allowed: true,
      rule: "NetworkPolicy shop/p0 ingress[0]",
      source: "p.yaml:7",
    });
  });

  it("the policies that isolate, and the rule that came nearest: the right port", () => {
    expect(judge("ingress", [spec, {}], { from: BATCH })).toEqual({
      allowed: false,
      rule: "NetworkPolicy shop/p0, NetworkPolicy shop/p1",
      message:
        "ingress on port 8080/TCP is isolated by NetworkPolicy shop/p0, NetworkPolicy shop/p1 and no rule allows " +
        "this peer (NetworkPolicy shop/p0 ingress[0] allows other peers)",
      fix: "add an ingress rule with this peer and port 8080 to NetworkPolicy shop/p0, NetworkPolicy shop/p1",
    });
  });

  it("or the right peer", () => {
    expect(judge("ingress", [spec], { from: WEB, port: 9 })).toMatchObject({
      message: expect.stringContaining("(NetworkPolicy shop/p0 ingress[0] allows it on port 8080/TCP only)"),
    });
  });

  it("that nothing isolates the pod", () => {
    expect(judge("egress", [], {})).toMatchObject({ allowed: true, rule: "no NetworkPolicy isolates egress" });
  });
});

describe("a snapshot from elsewhere", () => {
  it("with a range that is none lets nobody in", () => {
    const rules = [{ name: "r", source: "", peers: { podUids: [], cidrs: [{ cidr: "0.0.0.0/33", except: [] }] } }];
    const policy = { isolated: true, isolatedBy: ["p"], rules };
    expect(judgeConnection(policy, { ip: "1.2.3.4" }, { protocol: "TCP", number: 1 }).allowed).toBe(false);
  });

  it("with an exception that is none lets nobody in either", () => {
    const rules = [{ name: "r", source: "", peers: { podUids: [], cidrs: [{ cidr: "0.0.0.0/0", except: ["x"] }] } }];
    const policy = { isolated: true, isolatedBy: ["p"], rules };
    expect(judgeConnection(policy, { ip: "1.2.3.4" }, { protocol: "TCP", number: 1 }).allowed).toBe(false);
  });

  it("does not compile when an exception lies outside its block", () => {
    const spec = { ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/16"] } }] }] };
    expect(() => compileNetworkPolicy(PAYMENTS, "ingress", world(spec))).toThrow("11.0.0.0/16: except lies outside");
  });
});
