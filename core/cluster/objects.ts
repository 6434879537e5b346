import type { Deployment as KubeDeployment } from "kubernetes-types/apps/v1.d.ts";
import type {
  Namespace as KubeNamespace,
  Pod as KubePod,
  Service as KubeService,
  ServiceAccount as KubeServiceAccount,
  PodSpec,
} from "kubernetes-types/core/v1.d.ts";
import type { EndpointSlice as KubeEndpointSlice } from "kubernetes-types/discovery/v1.d.ts";
import type { ObjectMeta } from "kubernetes-types/meta/v1.d.ts";
import type { NetworkPolicy as KubeNetworkPolicy, NetworkPolicySpec } from "kubernetes-types/networking/v1.d.ts";

/** Metadata of a namespaced object after reading: the namespace is "default" where none was written. */
export interface Named {
  readonly metadata: ObjectMeta & { readonly name: string; readonly namespace: string };
}

/** Where an object came from: "manifests/policy.yaml:12", empty for an API server. */
export interface Located {
  readonly source: string;
}

export type Namespace = KubeNamespace & Located & { readonly metadata: ObjectMeta & { readonly name: string } };
export type Service = KubeService & Named & Located;
export type ServiceAccount = KubeServiceAccount & Named & Located;
export type Deployment = KubeDeployment & Named & Located;
export type EndpointSlice = KubeEndpointSlice & Named & Located;
export type Pod = KubePod & Named & Located & { readonly spec: PodSpec };

/** With the position of every rule, because refusals and `outrider explain` name one. */
export type NetworkPolicy = KubeNetworkPolicy &
  Named &
  Located & {
    readonly spec: NetworkPolicySpec;
    readonly ruleSources: { readonly ingress: readonly string[]; readonly egress: readonly string[] };
  };

/**
 * The cluster as one typed model, the same from a folder and from an API server. Kinds that Outrider does not read
 * are left out; fields it does not read are kept as they are.
 */
export interface ClusterObjects {
  readonly namespaces: readonly Namespace[];
  readonly services: readonly Service[];
  readonly serviceAccounts: readonly ServiceAccount[];
  readonly deployments: readonly Deployment[];
  readonly endpointSlices: readonly EndpointSlice[];
  readonly pods: readonly Pod[];
  readonly networkPolicies: readonly NetworkPolicy[];
}

export const NO_OBJECTS: ClusterObjects = {
  namespaces: [],
  services: [],
  serviceAccounts: [],
  deployments: [],
  endpointSlices: [],
  pods: [],
  networkPolicies: [],
};
