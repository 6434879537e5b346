import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CodedError } from "../../../core/base/errors.ts";
import {
  judgePodSecurity,
  POD_SECURITY_LEVELS,
  POD_VIOLATIONS_LIMIT,
  type PodSecurityLevel,
  type PodSecurityVersion,
} from "../../../core/policy/pods/pod-security.ts";
import { levelsOfLabels } from "../../../core/policy/pods/pod-security-labels.ts";
import { podSpecsOf } from "../../../core/policy/pods/pod-spec-find.ts";
import { NEWEST_MINOR, POD_SECURITY_CHECKS } from "../../../core/policy/pods/security/checks.ts";
import { BASELINE_CAPABILITIES, CAPABILITIES_LIMIT } from "../../../core/policy/pods/security/privileges.ts";
import { RESTRICTED_VOLUMES } from "../../../core/policy/pods/security/volumes.ts";

const HARDENED = {
  allowPrivilegeEscalation: false,
  runAsNonRoot: true,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};
/** A pod that meets the restricted level. */
const GOOD = { containers: [{ name: "web", image: "a", securityContext: HARDENED }] };

interface Asked {
  readonly metadata?: object | undefined;
  readonly version?: PodSecurityVersion;
}

const judge = (level: PodSecurityLevel, spec: object, { metadata = {}, version = "latest" }: Asked = {}) =>
  podSpecsOf({ metadata, spec }, "", "Pod").flatMap((pod) => judgePodSecurity(pod, level, version, "a test"));
const found = (level: PodSecurityLevel, spec: object, asked?: Asked) =>
  judge(level, spec, asked).map(({ code, path }) => `${code} ${path}`);

const container = (more: object) => ({ containers: [{ ...GOOD.containers[0], ...more }] });
const context = (more: object) => container({ securityContext: { ...HARDENED, ...more } });
const CONTEXT = "spec.containers[0].securityContext";

describe("a pod breaks the baseline level", () => {
  const cases: [given: string, spec: object, violation: string, metadata?: object][] = [
    [
      "by a HostProcess container",
      context({ windowsOptions: { hostProcess: true } }),
      `PSS_HOST_PROCESS ${CONTEXT}.windowsOptions.hostProcess`,
    ],
    [
      "by being HostProcess as a whole",
      { ...GOOD, securityContext: { windowsOptions: { hostProcess: true } } },
      "PSS_HOST_PROCESS spec.securityContext.windowsOptions.hostProcess",
    ],
    ["by the host's network", { ...GOOD, hostNetwork: true }, "PSS_HOST_NAMESPACE spec.hostNetwork"],
    ["by the host's processes", { ...GOOD, hostPID: true }, "PSS_HOST_NAMESPACE spec.hostPID"],
    ["by the host's IPC", { ...GOOD, hostIPC: true }, "PSS_HOST_NAMESPACE spec.hostIPC"],
    ["by privilege", context({ privileged: true }), `PSS_PRIVILEGED ${CONTEXT}.privileged`],
    [
      "by a capability",
      context({ capabilities: { add: ["CHOWN", "SYS_ADMIN"] } }),
      `PSS_CAPABILITIES ${CONTEXT}.capabilities.add[1]`,
    ],
    [
      "by all capabilities",
      context({ capabilities: { add: ["ALL"] } }),
      `PSS_CAPABILITIES ${CONTEXT}.capabilities.add[0]`,
    ],
    [
      "by a capability in lower case",
      context({ capabilities: { add: ["chown"] } }),
      `PSS_CAPABILITIES ${CONTEXT}.capabilities.add[0]`,
    ],
    [
      "by a folder of the node",
      { ...GOOD, volumes: [{ name: "v", hostPath: { path: "/" } }] },
      "PSS_HOST_PATH spec.volumes[0].hostPath",
    ],
    [
      "by a port of the node",
      container({ ports: [{ containerPort: 80 }, { containerPort: 81, hostPort: 81 }] }),
      "PSS_HOST_PORT spec.containers[0].ports[1].hostPort",
    ],
    [
      "by a probe of another host",
      container({ livenessProbe: { httpGet: { host: "169.254.169.254" } } }),
      "PSS_HOST_PROBE spec.containers[0].livenessProbe.httpGet.host",
    ],
    [
      "by a TCP probe of another host",
      container({ startupProbe: { tcpSocket: { host: "10.0.0.1" } } }),
      "PSS_HOST_PROBE spec.containers[0].startupProbe.tcpSocket.host",
    ],
    [
      "by a hook that calls another host",
      container({ lifecycle: { preStop: { httpGet: { host: "10.0.0.1" } } } }),
      "PSS_HOST_PROBE spec.containers[0].lifecycle.preStop.httpGet.host",
    ],
    [
      "by no AppArmor profile",
      context({ appArmorProfile: { type: "Unconfined" } }),
      `PSS_APPARMOR ${CONTEXT}.appArmorProfile.type`,
    ],
    [
      "by no AppArmor profile, by annotation",
      GOOD,
      'PSS_APPARMOR metadata.annotations["container.apparmor.security.beta.kubernetes.io/web"]',
      { annotations: { "container.apparmor.security.beta.kubernetes.io/web": "unconfined" } },
    ],
    [
      "by an SELinux type",
      context({ seLinuxOptions: { type: "spc_t" } }),
      `PSS_SELINUX ${CONTEXT}.seLinuxOptions.type`,
    ],
    ["by an SELinux user", context({ seLinuxOptions: { user: "root" } }), `PSS_SELINUX ${CONTEXT}.seLinuxOptions.user`],
    ["by an unmasked /proc", context({ procMount: "Unmasked" }), `PSS_PROC_MOUNT ${CONTEXT}.procMount`],
    [
      "by no seccomp profile",
      context({ seccompProfile: { type: "Unconfined" } }),
      `PSS_SECCOMP ${CONTEXT}.seccompProfile.type`,
    ],
    [
      "by a kernel parameter of the node",
      { ...GOOD, securityContext: { sysctls: [{ name: "kernel.msgmax", value: "1" }] } },
      "PSS_SYSCTL spec.securityContext.sysctls[0].name",
    ],
  ];
  it.each(cases)("%s", (...[, spec, violation, metadata]) =>
    expect(found("baseline", spec, { metadata })).toEqual([violation]),
  );

  it.each(["initContainers", "ephemeralContainers"])("in %s as well", (list) => {
    const bad = { name: "x", image: "a", securityContext: { privileged: true } };
    expect(found("baseline", { ...GOOD, [list]: [bad] })).toEqual([
      `PSS_PRIVILEGED spec.${list}[0].securityContext.privileged`,
    ]);
  });

  it("by text where a truth value belongs, which a lax reader would take for absent", () => {
    expect(found("baseline", context({ privileged: "true" }))).toEqual([`PSS_PRIVILEGED ${CONTEXT}.privileged`]);
  });

  it("in several ways, all of which are named", () => {
    const spec = { ...context({ privileged: true, procMount: "Unmasked" }), hostPID: true };
    expect(found("baseline", spec)).toHaveLength(3);
  });
});

describe("a pod meets the baseline level", () => {
  const cases: [given: string, spec: object][] = [
    ["when it sets nothing at all", { containers: [{ name: "a", image: "a" }] }],
    ["with every capability that is allowed", context({ capabilities: { add: BASELINE_CAPABILITIES } })],
    [
      "with a kernel parameter that is safe",
      { ...GOOD, securityContext: { sysctls: [{ name: "net.ipv4.tcp_notsent_lowat", value: "1" }] } },
    ],
    ["with hostPort 0, which means none", container({ ports: [{ hostPort: 0 }] })],
    ["with an SELinux type for containers", context({ seLinuxOptions: { type: "container_engine_t" } })],
    [
      "with its own AppArmor and seccomp profiles",
      context({ appArmorProfile: { type: "Localhost" }, seccompProfile: { type: "Localhost" } }),
    ],
    [
      "with an unmasked /proc in a user namespace of its own",
      { ...context({ procMount: "Unmasked" }), hostUsers: false },
    ],
    [
      "with the fields explicitly null",
      context({ privileged: null, procMount: null, seccompProfile: null, capabilities: null }),
    ],
  ];
  it.each(cases)("%s", (_, spec) => expect(found("baseline", spec)).toEqual([]));
});

describe("a pod breaks the restricted level", () => {
  const without = (name: keyof typeof HARDENED) => context({ [name]: undefined });
  const cases: [given: string, spec: object, violation: string][] = [
    ["by a volume of another type", { ...GOOD, volumes: [{ name: "v", nfs: {} }] }, "PSS_VOLUME_TYPE spec.volumes[0]"],
    ["by a volume of no type", { ...GOOD, volumes: [{ name: "v" }] }, "PSS_VOLUME_TYPE spec.volumes[0]"],
    [
      "by a volume of two types, one of them forbidden, which the API server refuses in a Pod only",
      { ...GOOD, volumes: [{ name: "v", emptyDir: {}, hostPath: { path: "/" } }] },
      "PSS_VOLUME_TYPE spec.volumes[0]",
    ],
    [
      "by an unmasked /proc, even in a user namespace of its own",
      { ...context({ procMount: "Unmasked" }), hostUsers: false },
      `PSS_PROC_MOUNT ${CONTEXT}.procMount`,
    ],
    ["by no seccomp profile", context({ seccompProfile: {} }), `PSS_SECCOMP ${CONTEXT}.seccompProfile.type`],
    [
      "by capabilities that are no list",
      context({ capabilities: { drop: ["ALL"], add: "CHOWN" } }),
      `PSS_CAPABILITIES ${CONTEXT}.capabilities.add`,
    ],
    [
      "by saying nothing of escalation",
      without("allowPrivilegeEscalation"),
      `PSS_PRIVILEGE_ESCALATION ${CONTEXT}.allowPrivilegeEscalation`,
    ],
    ["by saying nothing of root", without("runAsNonRoot"), `PSS_RUN_AS_NON_ROOT ${CONTEXT}.runAsNonRoot`],
    [
      "by root in a container of a non-root pod",
      { ...context({ runAsNonRoot: false }), securityContext: { runAsNonRoot: true } },
      `PSS_RUN_AS_NON_ROOT ${CONTEXT}.runAsNonRoot`,
    ],
    ["by user 0", context({ runAsUser: 0 }), `PSS_RUN_AS_USER ${CONTEXT}.runAsUser`],
    ["by saying nothing of seccomp", without("seccompProfile"), `PSS_SECCOMP_UNSET ${CONTEXT}.seccompProfile.type`],
    ["by keeping capabilities", without("capabilities"), `PSS_CAPABILITIES_DROP ${CONTEXT}.capabilities.drop`],
    [
      "by adding one that baseline allows",
      context({ capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE", "CHOWN"] } }),
      `PSS_CAPABILITIES ${CONTEXT}.capabilities.add[1]`,
    ],
  ];
  it.each(cases)("%s", (_, spec, violation) => expect(found("restricted", spec)).toEqual([violation]));

  it("and everything of baseline breaks it, too", () => {
    expect(found("restricted", { ...GOOD, hostPID: true })).toEqual(["PSS_HOST_NAMESPACE spec.hostPID"]);
  });
});

describe("a pod meets the restricted level", () => {
  const cases: [given: string, spec: object][] = [
    ["with everything on the container", GOOD],
    [
      "with the pod saying what its containers leave open",
      {
        containers: [
          { image: "a", securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } } },
        ],
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "Localhost" } },
      },
    ],
    [
      "with a volume of each type that is allowed",
      { ...GOOD, volumes: RESTRICTED_VOLUMES.map((type) => ({ name: type.toLowerCase(), [type]: {} })) },
    ],
    [
      "on Windows, where Linux controls do not apply",
      { os: { name: "windows" }, containers: [{ image: "a", securityContext: { runAsNonRoot: true } }] },
    ],
    ["as root in a user namespace of its own", { ...context({ runAsNonRoot: false, runAsUser: 0 }), hostUsers: false }],
  ];
  it.each(cases)("%s", (_, spec) => expect(found("restricted", spec)).toEqual([]));
});

describe("the privileged level", () => {
  it("asks for nothing", () =>
    expect(found("privileged", { ...context({ privileged: true }), hostPID: true })).toEqual([]));
});

describe("an edition of the standard", () => {
  const windows = { os: { name: "windows" }, containers: [{ image: "a", securityContext: { runAsNonRoot: true } }] };
  const root = { ...context({ runAsUser: 0 }), hostUsers: false };
  const sysctl = (name: string) => ({ ...GOOD, securityContext: { sysctls: [{ name, value: "1" }] } });
  const cases: [given: string, level: PodSecurityLevel, spec: object, last: number, code: string, loosens?: boolean][] =
    [
      [
        "escalation counts since v1.8",
        "restricted",
        context({ allowPrivilegeEscalation: true }),
        7,
        "PSS_PRIVILEGE_ESCALATION",
      ],
      [
        "seccomp is a field since v1.19",
        "baseline",
        context({ seccompProfile: { type: "Unconfined" } }),
        18,
        "PSS_SECCOMP",
      ],
      ["seccomp must be set since v1.19", "restricted", context({ seccompProfile: null }), 18, "PSS_SECCOMP_UNSET"],
      [
        "capabilities must be dropped since v1.22",
        "restricted",
        context({ capabilities: null }),
        21,
        "PSS_CAPABILITIES_DROP",
      ],
      ["user 0 counts since v1.23", "restricted", context({ runAsUser: 0 }), 22, "PSS_RUN_AS_USER"],
      ["Windows is excused since v1.25", "restricted", windows, 24, "PSS_SECCOMP_UNSET", true],
      [
        "ports may be reserved since v1.27",
        "baseline",
        sysctl("net.ipv4.ip_local_reserved_ports"),
        26,
        "PSS_SYSCTL",
        true,
      ],
      ["keep-alive may be set since v1.29", "baseline", sysctl("net.ipv4.tcp_keepalive_time"), 28, "PSS_SYSCTL", true],
      [
        "SELinux knows engines since v1.31",
        "baseline",
        context({ seLinuxOptions: { type: "container_engine_t" } }),
        30,
        "PSS_SELINUX",
        true,
      ],
      ["buffers may be sized since v1.32", "baseline", sysctl("net.ipv4.tcp_rmem"), 31, "PSS_SYSCTL", true],
      [
        "a probe's host counts since v1.34",
        "baseline",
        container({ livenessProbe: { httpGet: { host: "a" } } }),
        33,
        "PSS_HOST_PROBE",
      ],
      ["a user namespace excuses root since v1.35", "restricted", root, 34, "PSS_RUN_AS_USER", true],
      [
        "idle connections may be kept fast since v1.37",
        "baseline",
        sysctl("net.ipv4.tcp_slow_start_after_idle"),
        36,
        "PSS_SYSCTL",
        true,
      ],
    ];
  it.each(cases)("%s", (_, level, spec, last, code, loosens = false) => {
    const codes = (minor: number) => judge(level, spec, { version: `v1.${minor}` }).map((one) => one.code);
    expect([codes(last).includes(code), codes(last + 1).includes(code)]).toEqual([loosens, !loosens]);
  });

  it("before v1.19 reads seccomp from annotations of the pod and of containers that exist", () => {
    const prefix = "container.seccomp.security.alpha.kubernetes.io/";
    const annotations = {
      "seccomp.security.alpha.kubernetes.io/pod": "docker/default",
      [`${prefix}web`]: "unconfined",
      [`${prefix}other`]: "unconfined",
    };
    const asked = (version: PodSecurityVersion) => judge("baseline", GOOD, { metadata: { annotations }, version });
    expect(asked("v1.18").map(({ path }) => path)).toEqual([`metadata.annotations["${prefix}web"]`]);
    expect(asked("v1.19")).toEqual([]);
  });

  it.each(POD_SECURITY_LEVELS)("newer than the newest is the newest: %s", (level) => {
    const spec = { ...root, ...sysctl("kernel.msgmax") };
    expect(found(level, spec, { version: "v1.999" })).toEqual(found(level, spec));
    expect(found(level, spec, { version: `v1.${NEWEST_MINOR}` })).toEqual(found(level, spec));
  });

  it("has every check in the standard's order, its revisions from the oldest", () => {
    const ids = (level: string) => POD_SECURITY_CHECKS.filter((check) => check.level === level).map(({ id }) => id);
    expect([ids("baseline"), ids("restricted")]).toEqual([ids("baseline").toSorted(), ids("restricted").toSorted()]);
    for (const { revisions } of POD_SECURITY_CHECKS) {
      const since = revisions.map((revision) => revision.since);
      expect(since).toEqual([...new Set(since)].sort((a, b) => a - b));
      expect(since.at(-1)).toBeLessThanOrEqual(NEWEST_MINOR);
    }
  });
});

describe("the labels of a namespace", () => {
  const label = (mode: string, value: string) => ({ [`pod-security.kubernetes.io/${mode}`]: value });
  const cases: [given: string, labels: Record<string, string>, asked: object[]][] = [
    ["ask for nothing where there are none", {}, []],
    ["ask for a level", label("enforce", "baseline"), [{ mode: "enforce", level: "baseline", version: "latest" }]],
    [
      "ask for one level a mode, each of its version",
      {
        ...label("enforce", "baseline"),
        ...label("enforce-version", "v1.25"),
        ...label("warn", "restricted"),
        ...label("warn-version", "latest"),
        ...label("audit", "restricted"),
        ...label("audit-version", "v1.0"),
      },
      [
        { mode: "enforce", level: "baseline", version: "v1.25" },
        { mode: "warn", level: "restricted", version: "latest" },
        { mode: "audit", level: "restricted", version: "v1.0" },
      ],
    ],
    [
      "enforce the strictest when the level is misspelt",
      label("enforce", "baselin"),
      [{ mode: "enforce", level: "restricted", version: "latest" }],
    ],
    ["warn of nothing when the level is misspelt", { ...label("warn", "strict"), ...label("audit", "") }, []],
    [
      "mean the newest by a version that is none",
      { ...label("enforce", "baseline"), ...label("enforce-version", "v1.034") },
      [{ mode: "enforce", level: "baseline", version: "latest" }],
    ],
    ["ask for nothing by a version alone", label("enforce-version", "v1.30"), []],
  ];
  it.each(cases)("%s", (_, labels, asked) => expect(levelsOfLabels(labels)).toEqual(asked));
});

describe("every violation", () => {
  it("says what was found, what is expected and how to mend it, and what the standard says", () => {
    expect(judge("baseline", context({ privileged: true }))).toEqual([
      {
        code: "PSS_PRIVILEGED",
        path: `${CONTEXT}.privileged`,
        subject: "container web",
        found: "privileged: true",
        expected: "privileged false or absent",
        fix: "remove privileged: true; add the one capability it is for",
        rule: "Pod Security baseline (a test)",
        standard: 'privileged (container "web" must not set securityContext.privileged=true)',
      },
    ]);
  });

  it("names the version that was asked for", () => {
    expect(judge("baseline", { ...GOOD, hostPID: true }, { version: "v1.30" })).toMatchObject([
      { rule: "Pod Security baseline v1.30 (a test)", standard: "host namespaces (hostPID=true)" },
    ]);
  });

  it("names the annotation where a template keeps it", () => {
    const template = {
      metadata: { annotations: { "container.apparmor.security.beta.kubernetes.io/web": "unconfined" } },
      spec: GOOD,
    };
    const pods = podSpecsOf({ spec: { template } }, "apps", "Deployment");
    expect(pods.flatMap((pod) => judgePodSecurity(pod, "baseline", "latest", "a test"))).toMatchObject([
      {
        path: 'spec.template.metadata.annotations["container.apparmor.security.beta.kubernetes.io/web"]',
        found: 'container.apparmor.security.beta.kubernetes.io/web="unconfined"',
      },
    ]);
  });

  it("is written out up to a limit, however many there are", () => {
    const ports = Array.from({ length: POD_VIOLATIONS_LIMIT + 1 }, (_, index) => ({ hostPort: index + 1 }));
    expect(judge("baseline", container({ ports }))).toHaveLength(POD_VIOLATIONS_LIMIT);
  });
});

describe("whatever a pod spec holds", () => {
  it("it is judged, or refused as malformed: nothing else is thrown", () => {
    const shape = fc.record(
      {
        containers: fc.anything(),
        volumes: fc.anything(),
        securityContext: fc.anything(),
        initContainers: fc.array(
          fc.record(
            { securityContext: fc.anything(), ports: fc.anything(), lifecycle: fc.anything() },
            { requiredKeys: [] },
          ),
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(shape, (spec) => {
        try {
          for (const version of ["latest", "v1.0"] as const) judge("restricted", spec, { version });
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(CodedError);
          expect((thrown as CodedError).code).toBe("POD_MALFORMED");
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("capabilities without end", () => {
  it("are refused as a list, not one by one", () => {
    const add = Array.from({ length: CAPABILITIES_LIMIT + 1 }, (_, index) => `C${index}`);
    const most = context({ capabilities: { add: add.slice(1), drop: ["ALL"] } });
    expect(judge("baseline", most)).toHaveLength(CAPABILITIES_LIMIT);
    expect(() => judge("baseline", context({ capabilities: { add } }))).toThrow(
      `${CONTEXT}.capabilities.add: expected at most ${CAPABILITIES_LIMIT} entries, found ${CAPABILITIES_LIMIT + 1}`,
    );
  });
});
