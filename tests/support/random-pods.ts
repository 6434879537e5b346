import fc from "fast-check";

/**
 * Pods as the API's types allow them, most of them odd: every field that a control of the Pod Security Standards reads
 * takes each kind of value it can have, absent and null among them.
 */
const NAMES = ["web", "init-1", "", 'odd"name', "ünïcode"];

/** Absent as often as any of the values. */
function maybe<T>(...values: fc.Arbitrary<T>[]): fc.Arbitrary<T | undefined | null> {
  return fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 4 },
    { arbitrary: fc.constant(null), weight: 1 },
    ...values.map((arbitrary) => ({ arbitrary, weight: 6 })),
  );
}

const pick = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const truth = maybe(fc.boolean());
const part = <T extends object>(shape: { [Key in keyof T]: fc.Arbitrary<T[Key]> }) =>
  maybe(fc.record(shape, { requiredKeys: [] }));

const capability = pick("ALL", "NET_BIND_SERVICE", "CHOWN", "SYS_ADMIN", "chown", "CAP_CHOWN", "");
const capabilities = part({
  add: maybe(fc.array(capability, { maxLength: 3 })),
  drop: maybe(fc.array(capability, { maxLength: 2 }), fc.constant<string[]>(["ALL"])),
});
const profile = part({
  type: maybe(pick("RuntimeDefault", "Localhost", "Unconfined", "", "runtimedefault")),
  localhostProfile: maybe(pick("a.json")),
});
const seLinuxOptions = part({
  type: maybe(pick("container_t", "container_init_t", "container_kvm_t", "container_engine_t", "spc_t", "")),
  user: maybe(pick("root", "")),
  role: maybe(pick("sysadm_r", "")),
  level: maybe(pick("s0:c1,c2")),
});
const windowsOptions = part({ hostProcess: truth, runAsUserName: maybe(pick("ContainerUser")) });
const shared = {
  runAsNonRoot: truth,
  runAsUser: maybe(pick(0, 1, 1000)),
  seLinuxOptions,
  windowsOptions,
  seccompProfile: profile,
  appArmorProfile: profile,
};
const containerContext = part({
  ...shared,
  privileged: truth,
  allowPrivilegeEscalation: truth,
  capabilities,
  procMount: maybe(pick("Default", "Unmasked", "")),
});

const host = maybe(pick("", "127.0.0.1", "example.com", "::1"));
const handler = part({ httpGet: part({ host, path: maybe(pick("/")) }), tcpSocket: part({ host }) });
const ports = maybe(
  fc.array(fc.record({ hostPort: maybe(pick(0, 80, 443, 8080)), containerPort: pick(80, 81) }), { maxLength: 3 }),
);
const container = fc.record(
  {
    name: pick(...NAMES),
    image: pick("a", "b"),
    securityContext: containerContext,
    ports,
    livenessProbe: handler,
    readinessProbe: handler,
    startupProbe: handler,
    lifecycle: part({ postStart: handler, preStop: handler }),
  },
  { requiredKeys: [] },
);

const SOURCES = [
  ...["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected"],
  ...["secret", "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd"],
  ...["flexVolume", "cinder", "cephfs", "flocker", "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk"],
  ...["photonPersistentDisk", "portworxVolume", "scaleIO", "storageos", "inventedLater"],
];
/** The API server lets a volume have one source. */
const volume = fc
  .tuple(pick("data", "tmp", ""), pick(...SOURCES), pick({}, null))
  .map(([name, source, value]) => ({ name, [source]: value }));

const SYSCTLS = [
  ...["kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"],
  ...["net.ipv4.ping_group_range", "net.ipv4.tcp_syncookies", "net.ipv4.ip_local_reserved_ports"],
  ...["net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"],
  ...["net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.tcp_notsent_lowat"],
  ...["net.ipv4.tcp_slow_start_after_idle", "kernel.msgmax", "net/ipv4/tcp_rmem", ""],
];
const podContext = part({
  ...shared,
  sysctls: maybe(fc.array(fc.record({ name: pick(...SYSCTLS), value: pick("1") }), { maxLength: 3 })),
});

const annotationKey = pick(
  ...NAMES.flatMap((name) => [
    `container.apparmor.security.beta.kubernetes.io/${name}`,
    `container.seccomp.security.alpha.kubernetes.io/${name}`,
  ]),
  "seccomp.security.alpha.kubernetes.io/pod",
  "container.seccomp.security.alpha.kubernetes.io/nobody",
);
const annotationValue = fc.oneof(
  pick("runtime/default", "docker/default", "localhost/a", "localhost/", "unconfined", "", null),
  pick(
    'quote " back \\ slash',
    "bell \u0007 tab \t line \n delete \u007f",
    "no-break \u00a0 separator \u2028 ü 😀 \u{e0001}",
  ),
);
const metadata = fc.record(
  { annotations: maybe(fc.dictionary(annotationKey, annotationValue, { maxKeys: 4 })), labels: pick({ app: "web" }) },
  { requiredKeys: [] },
);

const containers = (minLength: number) => fc.array(container, { minLength, maxLength: 3 });
const spec = fc.record(
  {
    containers: containers(1),
    initContainers: maybe(containers(0)),
    ephemeralContainers: maybe(containers(0)),
    volumes: maybe(fc.array(volume, { maxLength: 4 })),
    securityContext: podContext,
    hostNetwork: truth,
    hostPID: truth,
    hostIPC: truth,
    hostUsers: truth,
    os: part({ name: maybe(pick("linux", "windows", "Windows")) }),
  },
  { requiredKeys: ["containers"] },
);

export interface RandomPod {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** As JSON carries it: what is `undefined` is not there. */
export const randomPod: fc.Arbitrary<RandomPod> = fc
  .record({ metadata, spec })
  .map((pod) => JSON.parse(JSON.stringify(pod)) as RandomPod);

const level = pick("privileged", "baseline", "restricted", "baselin", "");
const version = pick("latest", "v1.0", "v1.30", "v1.99", "v1.01", "v2.0", "1.30", "");
const label = (mode: string) => `pod-security.kubernetes.io/${mode}`;

export const randomLabels = fc.record<Record<string, string>>(
  {
    [label("enforce")]: level,
    [label("warn")]: level,
    [label("audit")]: level,
    [label("enforce-version")]: version,
    [label("warn-version")]: version,
    [label("audit-version")]: version,
  },
  { requiredKeys: [] },
);
