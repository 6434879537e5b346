import type { Check } from "./finding.ts";
import { hostNamespaces, hostPorts, hostProbes, hostProcess, sysctls } from "./host.ts";
import {
  baselineCapabilities,
  exceptInUserNamespace,
  exceptOnWindows,
  privileged,
  privilegeEscalation,
  procMount,
  restrictedCapabilities,
  runAsNonRoot,
  runAsUser,
} from "./privileges.ts";
import { appArmor, seccomp, seccompAnnotations, seccompRequired, seLinux } from "./profiles.ts";
import { hostPaths, RESTRICTED_VOLUMES, restrictedVolumes } from "./volumes.ts";

/** One control of the Pod Security Standards, in each form that it has had. */
export interface PodSecurityCheck {
  /** The upstream library's name for it; the standard's order is the order of these. */
  readonly id: string;
  readonly level: "baseline" | "restricted";
  /** Baseline checks that it makes superfluous at the restricted level. */
  readonly replaces?: readonly string[];
  /** From the oldest; each holds until the next one's version. */
  readonly revisions: readonly CheckRevision[];
}

export interface CheckRevision {
  /** First minor version of Kubernetes 1 that it applies to: 19 is v1.19. */
  readonly since: number;
  /** What the standard wants, after "expected". */
  readonly expected: string;
  readonly find: Check;
}

/** The newest minor version with a change to the standard: what "latest" and anything newer mean. */
export const NEWEST_MINOR = 37;

const PROFILES = "RuntimeDefault, Localhost or absent";
const SYSCTLS = "only kernel parameters that stay inside the pod";
const SYSCTLS_1_0 = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ping_group_range",
  "net.ipv4.tcp_syncookies",
];
const SYSCTLS_1_27 = [...SYSCTLS_1_0, "net.ipv4.ip_local_reserved_ports"];
const SYSCTLS_1_29 = [
  ...SYSCTLS_1_27,
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_keepalive_time",
];
const SYSCTLS_1_32 = [...SYSCTLS_1_29, "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"];
const SYSCTLS_1_37 = [...SYSCTLS_1_32, "net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_slow_start_after_idle"];

const SELINUX_1_0 = ["container_t", "container_init_t", "container_kvm_t"];
const SELINUX_1_31 = [...SELINUX_1_0, "container_engine_t"];
const seLinuxText = (types: readonly string[]) => `no user or role, and a type of ${types.join(", ")} or none`;

const ESCALATION = "allowPrivilegeEscalation: false";
const DROPPED = "capabilities.drop: [ALL]";
const SECCOMP_SET = "RuntimeDefault or Localhost, on the pod or each container";
const NON_ROOT = "runAsNonRoot: true, on the pod or each container";
const OTHER_USER = "a user other than 0, or absent";
const PROC_MOUNT = "procMount Default or absent";
const OR_USER_NAMESPACE = "or hostUsers: false on the pod";

/**
 * The standard in its own order, baseline first.
 *
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/
 * @see k8s.io/pod-security-admission/policy, by which tests/real holds verdicts, reasons and details
 */
export const POD_SECURITY_CHECKS: readonly PodSecurityCheck[] = [
  {
    id: "appArmorProfile",
    level: "baseline",
    revisions: [{ since: 0, expected: PROFILES, find: appArmor }],
  },
  {
    id: "capabilities_baseline",
    level: "baseline",
    revisions: [{ since: 0, expected: "none but the usual capabilities", find: baselineCapabilities }],
  },
  {
    id: "hostNamespaces",
    level: "baseline",
    revisions: [{ since: 0, expected: "the host's namespaces not shared", find: hostNamespaces }],
  },
  {
    id: "hostPathVolumes",
    level: "baseline",
    revisions: [{ since: 0, expected: "no hostPath volume", find: hostPaths }],
  },
  {
    id: "hostPorts",
    level: "baseline",
    revisions: [{ since: 0, expected: "no hostPort", find: hostPorts }],
  },
  {
    id: "hostProbesAndHostLifecycle",
    level: "baseline",
    revisions: [{ since: 34, expected: "no host in a probe or lifecycle hook", find: hostProbes }],
  },
  {
    id: "privileged",
    level: "baseline",
    revisions: [{ since: 0, expected: "privileged false or absent", find: privileged }],
  },
  {
    id: "procMount",
    level: "baseline",
    revisions: [
      { since: 0, expected: PROC_MOUNT, find: procMount },
      { since: 35, expected: `${PROC_MOUNT}, ${OR_USER_NAMESPACE}`, find: exceptInUserNamespace(procMount) },
    ],
  },
  {
    id: "seLinuxOptions",
    level: "baseline",
    revisions: [
      { since: 0, expected: seLinuxText(SELINUX_1_0), find: seLinux(SELINUX_1_0) },
      { since: 31, expected: seLinuxText(SELINUX_1_31), find: seLinux(SELINUX_1_31) },
    ],
  },
  {
    id: "seccompProfile_baseline",
    level: "baseline",
    revisions: [
      { since: 0, expected: "runtime/default, docker/default, localhost/… or absent", find: seccompAnnotations },
      { since: 19, expected: PROFILES, find: seccomp },
    ],
  },
  {
    id: "sysctls",
    level: "baseline",
    revisions: [
      { since: 0, expected: SYSCTLS, find: sysctls(SYSCTLS_1_0) },
      { since: 27, expected: SYSCTLS, find: sysctls(SYSCTLS_1_27) },
      { since: 29, expected: SYSCTLS, find: sysctls(SYSCTLS_1_29) },
      { since: 32, expected: SYSCTLS, find: sysctls(SYSCTLS_1_32) },
      { since: 37, expected: SYSCTLS, find: sysctls(SYSCTLS_1_37) },
    ],
  },
  {
    id: "windowsHostProcess",
    level: "baseline",
    revisions: [{ since: 0, expected: "windowsOptions.hostProcess false or absent", find: hostProcess }],
  },
  {
    id: "allowPrivilegeEscalation",
    level: "restricted",
    revisions: [
      { since: 8, expected: ESCALATION, find: privilegeEscalation },
      { since: 25, expected: ESCALATION, find: exceptOnWindows(privilegeEscalation) },
    ],
  },
  {
    id: "capabilities_restricted",
    level: "restricted",
    replaces: ["capabilities_baseline"],
    revisions: [
      { since: 22, expected: DROPPED, find: restrictedCapabilities },
      { since: 25, expected: DROPPED, find: exceptOnWindows(restrictedCapabilities) },
    ],
  },
  {
    id: "procMount_restricted",
    level: "restricted",
    replaces: ["procMount"],
    revisions: [{ since: 35, expected: PROC_MOUNT, find: procMount }],
  },
  {
    id: "restrictedVolumes",
    level: "restricted",
    replaces: ["hostPathVolumes"],
    revisions: [{ since: 0, expected: `a volume of type ${RESTRICTED_VOLUMES.join(", ")}`, find: restrictedVolumes }],
  },
  {
    id: "runAsNonRoot",
    level: "restricted",
    revisions: [
      { since: 0, expected: NON_ROOT, find: runAsNonRoot },
      { since: 35, expected: `${NON_ROOT}, ${OR_USER_NAMESPACE}`, find: exceptInUserNamespace(runAsNonRoot) },
    ],
  },
  {
    id: "runAsUser",
    level: "restricted",
    revisions: [
      { since: 23, expected: OTHER_USER, find: runAsUser },
      { since: 35, expected: `${OTHER_USER}, ${OR_USER_NAMESPACE}`, find: exceptInUserNamespace(runAsUser) },
    ],
  },
  {
    id: "seccompProfile_restricted",
    level: "restricted",
    replaces: ["seccompProfile_baseline"],
    revisions: [
      { since: 19, expected: SECCOMP_SET, find: seccompRequired },
      { since: 25, expected: SECCOMP_SET, find: exceptOnWindows(seccompRequired) },
    ],
  },
];
