type PartName =
  | "opa"
  | "cosign"
  | "notation"
  | "trivy"
  | "bolt-write"
  | "referrers-registry"
  | "pod-security-oracle"
  | "docker-registry"
  | "prometheus"
  | "promtool"
  | "chromium"
  | "skopeo"
  | "kube-apiserver"
  | "etcd"
  | "kubectl"
  | "gatekeeper";

export const ROOT: string;
export const PARTS_FOLDER: string;
export const PARTS: Readonly<
  Record<PartName, { readonly version: string; readonly for: string; readonly only?: "bench" }>
>;
export const TEST_PARTS: readonly PartName[];
export function findPart(
  name: string,
): ({ path: string } & { problem?: never; code?: never }) | { path?: never; problem: string; code: string };
export function stampFile(name: string): string;
