import {
  type Breach,
  breachAt,
  containerContextsOf,
  hasUserNamespace,
  isAbsent,
  isFalse,
  isOneOf,
  type PodSecurityCheck,
  partOf,
  podContextOf,
  securityContextsOf,
} from "./pod-security-check.ts";
import { hostFields } from "./pod-security-probes.ts";
import { containersOf, element, field, objectsIn, type PodSpecAt, textOf, volumesOf } from "./pod-spec.ts";

const PROFILE_TYPES = ["RuntimeDefault", "Localhost"];
const SELINUX_TYPES = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
const APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/";

/** Capabilities a container may add. */
export const BASELINE_CAPABILITIES = [
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
];

/** Kernel parameters that stay inside the pod. */
export const SAFE_SYSCTLS = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ping_group_range",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.tcp_wmem",
];

/**
 * The baseline level, in the standard's order.
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
 */
export const BASELINE_CHECKS: readonly PodSecurityCheck[] = [
  baseline("PSS_HOST_PROCESS", "windowsOptions.hostProcess false or absent", "remove hostProcess", hostProcess),
  baseline("PSS_HOST_NAMESPACE", "the host's namespaces not shared", "remove the field", hostNamespaces),
  baseline(
    "PSS_PRIVILEGED",
    "privileged false or absent",
    "remove privileged: true; add the one capability it is for",
    privileged,
  ),
  baseline(
    "PSS_CAPABILITIES",
    `no capability beyond ${BASELINE_CAPABILITIES.join(", ")}`,
    "remove the capability from capabilities.add",
    capabilities,
  ),
  baseline(
    "PSS_HOST_PATH",
    "no hostPath volume",
    "use emptyDir, configMap, secret or a persistentVolumeClaim",
    hostPaths,
  ),
  baseline("PSS_HOST_PORT", "no hostPort", "remove hostPort and publish the port by a Service", hostPorts),
  baseline(
    "PSS_HOST_PROBE",
    "no host in a probe or lifecycle hook",
    "remove host: the pod's own address is meant",
    hostFields,
  ),
  baseline("PSS_APPARMOR", "RuntimeDefault, Localhost or absent", "set appArmorProfile.type: RuntimeDefault", appArmor),
  baseline(
    "PSS_SELINUX",
    "no user or role, and a type of container_t, container_init_t, container_kvm_t or container_engine_t",
    "remove the seLinuxOptions field",
    seLinux,
  ),
  baseline(
    "PSS_PROC_MOUNT",
    "procMount Default or absent",
    "remove procMount, or give the pod its own user namespace (hostUsers: false)",
    procMount,
  ),
  baseline("PSS_SECCOMP", "RuntimeDefault, Localhost or absent", "set seccompProfile.type: RuntimeDefault", seccomp),
  baseline(
    "PSS_SYSCTL",
    "only kernel parameters that stay inside the pod",
    "remove the sysctl; set it on the node if it must be",
    sysctls,
  ),
];

function baseline(
  code: string,
  expected: string,
  fix: string,
  breaches: (pod: PodSpecAt) => Breach[],
): PodSecurityCheck {
  return { code, level: "baseline", expected, fix, breaches };
}

function hostProcess(pod: PodSpecAt): Breach[] {
  return securityContextsOf(pod).flatMap((at) => {
    const { place, value } = partOf(at, "windowsOptions");
    return isFalse(value["hostProcess"])
      ? []
      : [breachAt(field(place, "hostProcess"), value["hostProcess"], at.container)];
  });
}

function hostNamespaces(pod: PodSpecAt): Breach[] {
  return ["hostNetwork", "hostPID", "hostIPC"].flatMap((name) =>
    isFalse(pod.spec[name]) ? [] : [breachAt(field(pod, name), pod.spec[name])],
  );
}

function privileged(pod: PodSpecAt): Breach[] {
  return containerContextsOf(pod).flatMap((at) =>
    isFalse(at.context["privileged"])
      ? []
      : [breachAt(field(at, "privileged"), at.context["privileged"], at.container)],
  );
}

function capabilities(pod: PodSpecAt): Breach[] {
  return containerContextsOf(pod).flatMap((at) => {
    const { place, value } = partOf(at, "capabilities");
    const add = value["add"];
    if (isAbsent(add)) return [];
    const where = field(place, "add");
    if (!Array.isArray(add)) return [breachAt(where, add, at.container)];
    return add.flatMap((name, index) =>
      BASELINE_CAPABILITIES.includes(name)
        ? []
        : [{ ...breachAt(element(where, index), name, at.container), found: String(name) }],
    );
  });
}

function hostPaths(pod: PodSpecAt): Breach[] {
  return volumesOf(pod).flatMap(({ place, value }) =>
    isAbsent(value["hostPath"])
      ? []
      : [{ ...breachAt(field(place, "hostPath"), value["hostPath"]), subject: `volume ${textOf(value["name"])}` }],
  );
}

function hostPorts(pod: PodSpecAt): Breach[] {
  return containersOf(pod).flatMap((container) =>
    objectsIn(container.container["ports"], field(container, "ports")).flatMap(({ place, value }) =>
      isAbsent(value["hostPort"]) || value["hostPort"] === 0
        ? []
        : [breachAt(field(place, "hostPort"), value["hostPort"], container)],
    ),
  );
}

function appArmor(pod: PodSpecAt): Breach[] {
  const place = field({ path: "metadata", pointer: "/metadata" }, "annotations");
  const annotations = (pod.metadata["annotations"] ?? {}) as Readonly<Record<string, unknown>>;
  const byAnnotation = Object.entries(annotations).flatMap(([name, value]) => {
    const allowed =
      value === "" || value === "runtime/default" || (typeof value === "string" && value.startsWith("localhost/"));
    return !name.startsWith(APPARMOR_ANNOTATION) || allowed
      ? []
      : [{ ...breachAt(field(place, name), value), found: String(value) }];
  });
  return [...profileBreaches(pod, "appArmorProfile"), ...byAnnotation];
}

function seccomp(pod: PodSpecAt): Breach[] {
  return profileBreaches(pod, "seccompProfile");
}

function profileBreaches(pod: PodSpecAt, name: "appArmorProfile" | "seccompProfile"): Breach[] {
  return securityContextsOf(pod).flatMap((at) => {
    const { place, value } = partOf(at, name);
    return isOneOf(value["type"], PROFILE_TYPES) ? [] : [breachAt(field(place, "type"), value["type"], at.container)];
  });
}

function seLinux(pod: PodSpecAt): Breach[] {
  return securityContextsOf(pod).flatMap((at) => {
    const { place, value } = partOf(at, "seLinuxOptions");
    const wrong = [
      ...(isOneOf(value["type"], SELINUX_TYPES) ? [] : ["type"]),
      ...["user", "role"].filter((name) => !isOneOf(value[name], [""])),
    ];
    return wrong.map((name) => breachAt(field(place, name), value[name], at.container));
  });
}

function procMount(pod: PodSpecAt): Breach[] {
  if (hasUserNamespace(pod)) return [];
  return containerContextsOf(pod).flatMap((at) =>
    isOneOf(at.context["procMount"], ["Default"])
      ? []
      : [breachAt(field(at, "procMount"), at.context["procMount"], at.container)],
  );
}

function sysctls(pod: PodSpecAt): Breach[] {
  const at = podContextOf(pod);
  return objectsIn(at.context["sysctls"], field(at, "sysctls")).flatMap(({ place, value }) =>
    SAFE_SYSCTLS.includes(textOf(value["name"]))
      ? []
      : [{ ...breachAt(field(place, "name"), value["name"]), found: textOf(value["name"]) }],
  );
}
