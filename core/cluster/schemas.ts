import { BlockList, isIP } from "node:net";
import { z } from "zod";
import type { ClusterObjects } from "./objects.ts";

/**
 * The fields of Kubernetes objects that Outrider reads, checked as the API server would. Objects are open: every
 * other field is left to the cluster. Messages follow the form of docs/errors.md.
 */
const name = z
  .string("expected a name")
  .regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, 'expected a name of a-z, 0-9, "-" and "."');
const labels = z.record(z.string(), z.string("expected text (put it in quotes)"));
const metadata = z.looseObject({
  name,
  namespace: name.optional(),
  uid: z.string().min(1).max(128).optional(),
  labels: labels.optional(),
  annotations: labels.optional(),
});
const portNumber = z.int().min(1, "expected a port from 1 to 65535").max(65_535, "expected a port from 1 to 65535");
/** @see RFC 6335 section 5.1: a name has a letter, so "80" in quotes is none */
const portName = z
  .string()
  .regex(/^(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/i, "expected a port number or a port's name");
const portRef = z.union([portNumber, portName], "expected a port number or a port's name");
const protocol = z.enum(["TCP", "UDP", "SCTP"]);

const selector = z.looseObject({
  matchLabels: labels.optional(),
  matchExpressions: z
    .array(
      z
        .strictObject({
          key: z.string().min(1),
          operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
          values: z.array(z.string()).optional(),
        })
        .refine(
          ({ operator, values = [] }) => (operator === "In" || operator === "NotIn") === values.length > 0,
          "expected values with In and NotIn, none with Exists and DoesNotExist",
        ),
    )
    .optional(),
});

const addressRange = z
  .string()
  .refine((text) => rangeOf(text) !== undefined, 'expected an address range such as "10.0.0.0/8"');

/** RFC 4291 section 2.5.5.2. */
const MAPPED = new BlockList();
MAPPED.addSubnet("::ffff:0:0", 96, "ipv6");

/** IPv4 in IPv6's clothes and zones are no ranges of a NetworkPolicy: the API server refuses them too. */
function rangeOf(text: string): { address: string; length: number; family: "ipv4" | "ipv6" } | undefined {
  const [address = "", length = "", ...rest] = text.split("/");
  const family = ({ 4: "ipv4", 6: "ipv6" } as const)[isIP(address)];
  const fits = /^(?:0|[1-9]\d{0,2})$/.test(length) && Number(length) <= (family === "ipv4" ? 32 : 128);
  if (family === undefined || !fits || rest.length > 0 || address.includes("%")) return undefined;
  if (family === "ipv6" && MAPPED.check(address, family)) return undefined;
  return { address, length: Number(length), family };
}

function covers(cidr: string, except: string): boolean {
  const [outer, inner] = [rangeOf(cidr), rangeOf(except)];
  if (outer === undefined || inner === undefined) return true; // each says so itself
  const list = new BlockList();
  list.addSubnet(outer.address, outer.length, outer.family);
  return outer.family === inner.family && inner.length >= outer.length && list.check(inner.address, inner.family);
}

const ipBlock = z
  .strictObject({ cidr: addressRange, except: z.array(addressRange).optional() })
  .refine(({ cidr, except = [] }) => except.every((inner) => covers(cidr, inner)), "expected each except inside cidr");

/** @see https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/ */
const policyPeer = z
  .strictObject({
    podSelector: selector.optional(),
    namespaceSelector: selector.optional(),
    ipBlock: ipBlock.optional(),
  })
  .refine((peer) => Object.keys(peer).length > 0, "expected podSelector, namespaceSelector or ipBlock")
  .refine((peer) => peer.ipBlock === undefined || Object.keys(peer).length === 1, "expected ipBlock to stand alone");
const policyPort = z
  .strictObject({ protocol: protocol.optional(), port: portRef.optional(), endPort: portNumber.optional() })
  .refine(
    ({ port, endPort }) => endPort === undefined || (typeof port === "number" && port <= endPort),
    "expected endPort to be no less than a numeric port",
  );
const ports = z.array(policyPort).optional();
const peers = z.array(policyPeer).optional();

const address = z
  .string()
  .refine((text) => text === "" || isIP(text) !== 0, 'expected an IP address such as "10.0.3.7"');
const container = z.looseObject({
  name: z.string().min(1),
  image: z.string().optional(),
  ports: z
    .array(z.looseObject({ containerPort: portNumber, name: z.string().optional(), protocol: protocol.optional() }))
    .optional(),
});
const podSpec = z.looseObject({
  serviceAccountName: z.union([z.literal(""), name]).optional(),
  hostNetwork: z.boolean().optional(),
  containers: z.array(container).min(1, "expected at least one container"),
  initContainers: z.array(container).optional(),
});

const pod = z.looseObject({
  metadata,
  spec: podSpec,
  status: z
    .looseObject({ podIP: address.optional(), hostIP: address.optional(), phase: z.string().optional() })
    .optional(),
});

const service = z.looseObject({
  metadata,
  spec: z
    .looseObject({
      selector: labels.optional(),
      ports: z
        .array(
          z.looseObject({
            name: z.string().optional(),
            port: portNumber,
            targetPort: portRef.optional(),
            protocol: protocol.optional(),
            appProtocol: z.string().optional(),
          }),
        )
        .optional(),
    })
    .optional(),
});

const endpointSlice = z.looseObject({
  metadata,
  addressType: z.enum(["IPv4", "IPv6", "FQDN"]),
  endpoints: z
    .array(
      z.looseObject({
        addresses: z.array(z.string()).min(1).max(100),
        conditions: z.looseObject({ ready: z.boolean().nullish() }).optional(),
        targetRef: z.looseObject({ kind: z.string().optional(), name: z.string().optional() }).optional(),
      }),
    )
    .nullable(),
  ports: z.array(z.looseObject({ name: z.string().nullish(), port: portNumber.nullish() })).nullish(),
});

const networkPolicy = z.looseObject({
  metadata,
  spec: z.strictObject({
    podSelector: selector.optional(),
    policyTypes: z.array(z.enum(["Ingress", "Egress"])).optional(),
    ingress: z.array(z.strictObject({ from: peers, ports }, "expected a rule")).optional(),
    egress: z.array(z.strictObject({ to: peers, ports }, "expected a rule")).optional(),
  }),
});

const deployment = z.looseObject({
  metadata,
  spec: z.looseObject({
    selector,
    template: z.looseObject({ metadata: z.looseObject({ labels: labels.optional() }).optional(), spec: podSpec }),
  }),
});

/** What Outrider reads, by apiVersion and kind: the list it belongs to and its schema. */
export const KINDS: Readonly<Record<string, { readonly list: keyof ClusterObjects; readonly schema: z.ZodType }>> = {
  "v1/Namespace": { list: "namespaces", schema: z.looseObject({ metadata }) },
  "v1/Service": { list: "services", schema: service },
  "v1/ServiceAccount": { list: "serviceAccounts", schema: z.looseObject({ metadata }) },
  "v1/Pod": { list: "pods", schema: pod },
  "apps/v1/Deployment": { list: "deployments", schema: deployment },
  "discovery.k8s.io/v1/EndpointSlice": { list: "endpointSlices", schema: endpointSlice },
  "networking.k8s.io/v1/NetworkPolicy": { list: "networkPolicies", schema: networkPolicy },
};

/** What every object must say before anything else is asked of it. */
export const objectHead = z.looseObject({
  apiVersion: z.string("expected an apiVersion"),
  kind: z.string("expected a kind"),
});
