# Pod Security Standards, restricted (and so baseline), version latest, as one Gatekeeper constraint template.
# One rule a control, in the standard's order; Rego v0 because that is what templates hold by default.
# Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
package outriderpodsecurity

pod := input.review.object

spec := pod.spec

containers[c] {
  c := spec.containers[_]
}

containers[c] {
  c := spec.initContainers[_]
}

containers[c] {
  c := spec.ephemeralContainers[_]
}

# Host processes
violation[{"msg": msg}] {
  c := containers[_]
  c.securityContext.windowsOptions.hostProcess
  msg := sprintf("hostProcess: container %v", [c.name])
}

violation[{"msg": "hostProcess: pod"}] {
  spec.securityContext.windowsOptions.hostProcess
}

# Host namespaces
violation[{"msg": msg}] {
  name := ["hostNetwork", "hostPID", "hostIPC"][_]
  spec[name]
  msg := sprintf("host namespaces: %v", [name])
}

# Privileged containers
violation[{"msg": msg}] {
  c := containers[_]
  c.securityContext.privileged
  msg := sprintf("privileged: container %v", [c.name])
}

# Volume types; restricted names those that may be, which covers HostPath volumes of the baseline too
allowed_volumes := {"name", "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}

violation[{"msg": msg}] {
  v := spec.volumes[_]
  v[kind]
  not allowed_volumes[kind]
  msg := sprintf("restricted volume types: volume %v of type %v", [v.name, kind])
}

# Host ports
violation[{"msg": msg}] {
  c := containers[_]
  c.ports[_].hostPort > 0
  msg := sprintf("hostPort: container %v", [c.name])
}

# Host probes and lifecycle hooks
violation[{"msg": msg}] {
  c := containers[_]
  probe := ["livenessProbe", "readinessProbe", "startupProbe"][_]
  handler := ["httpGet", "tcpSocket"][_]
  host := c[probe][handler].host
  host != ""
  msg := sprintf("host probes: container %v", [c.name])
}

violation[{"msg": msg}] {
  c := containers[_]
  hook := ["postStart", "preStop"][_]
  handler := ["httpGet", "tcpSocket"][_]
  host := c.lifecycle[hook][handler].host
  host != ""
  msg := sprintf("host lifecycle: container %v", [c.name])
}

# AppArmor
violation[{"msg": msg}] {
  contexts[x]
  type := x.context.appArmorProfile.type
  not {"RuntimeDefault", "Localhost"}[type]
  msg := sprintf("AppArmor: %v", [x.name])
}

violation[{"msg": msg}] {
  value := pod.metadata.annotations[name]
  startswith(name, "container.apparmor.security.beta.kubernetes.io/")
  not apparmor_allowed(value)
  msg := sprintf("AppArmor: annotation %v", [name])
}

apparmor_allowed(value) {
  {"", "runtime/default"}[value]
}

apparmor_allowed(value) {
  startswith(value, "localhost/")
}

# SELinux
violation[{"msg": msg}] {
  contexts[x]
  type := x.context.seLinuxOptions.type
  not {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}[type]
  msg := sprintf("seLinuxOptions: %v", [x.name])
}

violation[{"msg": msg}] {
  contexts[x]
  field := ["user", "role"][_]
  value := x.context.seLinuxOptions[field]
  value != ""
  msg := sprintf("seLinuxOptions: %v sets %v", [x.name, field])
}

# /proc mount type
violation[{"msg": msg}] {
  c := containers[_]
  type := c.securityContext.procMount
  type != "Default"
  msg := sprintf("procMount: container %v", [c.name])
}

# Sysctls
allowed_sysctls := {
  "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
}

violation[{"msg": msg}] {
  name := spec.securityContext.sysctls[_].name
  not allowed_sysctls[name]
  msg := sprintf("forbidden sysctls: %v", [name])
}

# Privilege escalation
violation[{"msg": msg}] {
  c := containers[_]
  not escalation_denied(c)
  msg := sprintf("allowPrivilegeEscalation != false: container %v", [c.name])
}

escalation_denied(c) {
  c.securityContext.allowPrivilegeEscalation == false
}

# Running as non-root
violation[{"msg": msg}] {
  c := containers[_]
  not non_root(c)
  msg := sprintf("runAsNonRoot != true: container %v", [c.name])
}

non_root(c) {
  c.securityContext.runAsNonRoot == true
}

non_root(c) {
  not has(c, "runAsNonRoot")
  spec.securityContext.runAsNonRoot == true
}

has(c, field) {
  _ = c.securityContext[field]
}

# Running as a user other than root
violation[{"msg": msg}] {
  contexts[x]
  x.context.runAsUser == 0
  msg := sprintf("runAsUser=0: %v", [x.name])
}

# Seccomp
seccomp_types := {"RuntimeDefault", "Localhost"}

violation[{"msg": msg}] {
  c := containers[_]
  not seccomp_set(c)
  msg := sprintf("seccompProfile: container %v", [c.name])
}

seccomp_set(c) {
  seccomp_types[c.securityContext.seccompProfile.type]
}

seccomp_set(c) {
  not has(c, "seccompProfile")
  seccomp_types[spec.securityContext.seccompProfile.type]
}

violation[{"msg": "seccompProfile: pod"}] {
  type := spec.securityContext.seccompProfile.type
  not seccomp_types[type]
}

# Capabilities
violation[{"msg": msg}] {
  c := containers[_]
  not drops_all(c)
  msg := sprintf("unrestricted capabilities: container %v must drop ALL", [c.name])
}

drops_all(c) {
  c.securityContext.capabilities.drop[_] == "ALL"
}

violation[{"msg": msg}] {
  c := containers[_]
  added := c.securityContext.capabilities.add[_]
  added != "NET_BIND_SERVICE"
  msg := sprintf("unrestricted capabilities: container %v adds %v", [c.name, added])
}

contexts[x] {
  x := {"name": "pod", "context": spec.securityContext}
}

contexts[x] {
  c := containers[_]
  x := {"name": sprintf("container %v", [c.name]), "context": c.securityContext}
}
