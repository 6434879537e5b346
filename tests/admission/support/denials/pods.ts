import type { PodSecurityCode } from "../../../../core/policy/pods/security/finding.ts";
import { pod } from "../webhook.ts";
import { IMAGE, said } from "./door.ts";

const HARDENED = {
  allowPrivilegeEscalation: false,
  runAsNonRoot: true,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};

const within = (container: object) => ({ containers: [{ name: "web", image: IMAGE, ...container }] });
const context = (more: object) => within({ securityContext: { ...HARDENED, ...more } });
const beside = (more: object) => ({ ...context({}), ...more });
const kept = ({ ...context }: Partial<typeof HARDENED>) => within({ securityContext: context });

const { allowPrivilegeEscalation, runAsNonRoot, capabilities, seccompProfile } = HARDENED;

/** For each code a pod that meets the restricted level but for that. */
const SPECS: Readonly<Record<PodSecurityCode, object>> = {
  PSS_HOST_PROCESS: context({ windowsOptions: { hostProcess: true } }),
  PSS_HOST_NAMESPACE: beside({ hostNetwork: true, hostPID: true }),
  PSS_PRIVILEGED: context({ privileged: true }),
  PSS_CAPABILITIES: context({ capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE", "SYS_ADMIN"] } }),
  PSS_HOST_PATH: beside({ volumes: [{ name: "logs", hostPath: { path: "/var/log" } }] }),
  PSS_HOST_PORT: within({ securityContext: HARDENED, ports: [{ containerPort: 8080, hostPort: 80 }] }),
  PSS_HOST_PROBE: within({ securityContext: HARDENED, livenessProbe: { httpGet: { host: "10.0.0.1", port: 80 } } }),
  PSS_APPARMOR: context({ appArmorProfile: { type: "Unconfined" } }),
  PSS_SELINUX: context({ seLinuxOptions: { type: "spc_t", user: "system_u" } }),
  PSS_PROC_MOUNT: context({ procMount: "Unmasked" }),
  PSS_SECCOMP: context({ seccompProfile: { type: "Unconfined" } }),
  PSS_SYSCTL: beside({ securityContext: { sysctls: [{ name: "kernel.msgmax", value: "65536" }] } }),
  PSS_VOLUME_TYPE: beside({ volumes: [{ name: "share", nfs: { server: "nfs.shop", path: "/" } }] }),
  PSS_PRIVILEGE_ESCALATION: kept({ runAsNonRoot, capabilities, seccompProfile }),
  PSS_RUN_AS_NON_ROOT: kept({ allowPrivilegeEscalation, capabilities, seccompProfile }),
  PSS_RUN_AS_USER: context({ runAsUser: 0 }),
  PSS_SECCOMP_UNSET: kept({ allowPrivilegeEscalation, runAsNonRoot, capabilities }),
  PSS_CAPABILITIES_DROP: kept({ allowPrivilegeEscalation, runAsNonRoot, seccompProfile }),
};

/** The restricted level has a check of its own for volumes. */
const LEVEL: Partial<Record<PodSecurityCode, "baseline">> = { PSS_HOST_PATH: "baseline" };

export const POD_DENIALS = Object.fromEntries(
  Object.entries(SPECS).map(([code, spec]) => {
    const podSecurity = LEVEL[code as PodSecurityCode] ?? "restricted";
    return [code, () => said({ object: pod(IMAGE, spec), policy: { pods: { podSecurity } } })];
  }),
);

export const SHAPE_DENIALS = {
  POD_MALFORMED: () => said({ object: pod(IMAGE, { containers: { name: "web", image: IMAGE } }) }),
  POD_TOO_MANY_IMAGES: () => {
    const containers = Array.from({ length: 300 }, (_, index) => ({ name: `c${index}`, image: IMAGE }));
    return said({ object: pod(IMAGE, { containers }) });
  },
};
