import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CodedError } from "../../../core/base/errors.ts";
import { POLICY_ERRORS } from "../../../core/policy/errors.ts";
import {
  judgePodSecurity,
  levelOfLabels,
  type PodSecurityLevel,
  strictestLevel,
} from "../../../core/policy/pods/pod-security.ts";
import {
  BASELINE_CAPABILITIES,
  BASELINE_CHECKS,
  SAFE_SYSCTLS,
} from "../../../core/policy/pods/pod-security-baseline.ts";
import { RESTRICTED_CHECKS } from "../../../core/policy/pods/pod-security-restricted.ts";
import { podSpecsOf } from "../../../core/policy/pods/pod-spec-find.ts";

const HARDENED = {
  allowPrivilegeEscalation: false,
  runAsNonRoot: true,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};
/** A pod that meets the restricted level. */
const GOOD = { containers: [{ name: "web", image: "a", securityContext: HARDENED }] };

const judge = (level: PodSecurityLevel, spec: object, metadata: object = {}) =>
  podSpecsOf({ metadata, spec }, "", "Pod").flatMap((pod) => judgePodSecurity(pod, level, "a test"));
const found = (level: PodSecurityLevel, spec: object, metadata: object = {}) =>
  judge(level, spec, metadata).map(({ code, path }) => `${code} ${path}`);

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
    expect(found("baseline", spec, metadata)).toEqual([violation]),
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
      "with every kernel parameter that is safe",
      { ...GOOD, securityContext: { sysctls: SAFE_SYSCTLS.map((name) => ({ name, value: "1" })) } },
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
    [
      "by an image volume",
      { ...GOOD, volumes: [{ name: "v", image: { reference: "a" } }] },
      "PSS_VOLUME_TYPE spec.volumes[0]",
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
      `PSS_CAPABILITIES_DROP ${CONTEXT}.capabilities.add[1]`,
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

describe("the level that counts", () => {
  it("is the strictest that anybody asks for", () => {
    expect(strictestLevel(["privileged", "restricted", "baseline"])).toBe("restricted");
    expect(strictestLevel([undefined, "baseline"])).toBe("baseline");
    expect(strictestLevel([])).toBe("privileged");
  });

  it("is restricted where a namespace's label is misspelt", () => {
    expect(levelOfLabels({ "pod-security.kubernetes.io/enforce": "baselin" })).toBe("restricted");
    expect(levelOfLabels({})).toBeUndefined();
  });
});

describe("every violation", () => {
  it("has a row among the policy's codes", () => {
    const codes = [...BASELINE_CHECKS, ...RESTRICTED_CHECKS].map(({ code }) => code);
    expect(codes.filter((code) => !Object.hasOwn(POLICY_ERRORS, code))).toEqual([]);
  });

  it("says what was found, what is expected and how to mend it", () => {
    expect(judge("baseline", context({ privileged: true }))).toEqual([
      {
        code: "PSS_PRIVILEGED",
        path: `${CONTEXT}.privileged`,
        subject: "container web",
        found: "privileged: true",
        expected: "privileged false or absent",
        fix: "remove privileged: true; add the one capability it is for",
        rule: "Pod Security baseline (a test)",
      },
    ]);
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
          judge("restricted", spec);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(CodedError);
          expect((thrown as CodedError).code).toBe("POD_MALFORMED");
        }
      }),
      { numRuns: 300 },
    );
  });
});
