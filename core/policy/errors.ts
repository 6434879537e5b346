/**
 * Codes of the policy folder: refusals of connections here, violations of images and pods beside them.
 * docs/errors.md has one row per code and a test compares the two.
 */
export const POLICY_ERRORS = {
  NET_CIDR_INVALID: {
    means: "an ipBlock holds something that is not an address range",
    fix: 'write a range such as "10.0.0.0/8" or "fd00::/8"; each except lies inside its cidr',
  },
  POD_MALFORMED: {
    means: "a pod spec, or an object that holds one, has another shape than the Kubernetes API gives it",
    fix: "correct the object at the path named; kubectl apply --dry-run=server shows the API server's own view",
  },
  SCAN_REPORT_INVALID: {
    means: "a scanner's report is cut, empty or of another shape, so it says nothing about the image",
    fix: "scan the image again; a report that cannot be read whole is never taken as clean",
  },
  PSS_HOST_PROCESS: { means: "a Windows pod asks for a HostProcess container", fix: "remove hostProcess" },
  PSS_HOST_NAMESPACE: { means: "a pod shares a namespace of its node", fix: "remove hostNetwork, hostPID or hostIPC" },
  PSS_PRIVILEGED: {
    means: "a container is privileged",
    fix: "remove privileged: true; add the one capability it is for",
  },
  PSS_CAPABILITIES: {
    means: "a container adds a capability that its Pod Security level does not allow",
    fix: "remove it from capabilities.add",
  },
  PSS_HOST_PATH: {
    means: "a volume is a folder of the node",
    fix: "use emptyDir, configMap, secret or a persistentVolumeClaim",
  },
  PSS_HOST_PORT: { means: "a container takes a port of its node", fix: "remove hostPort and publish by a Service" },
  PSS_HOST_PROBE: {
    means: "a probe or lifecycle hook names a host",
    fix: "remove host; the pod's own address is meant",
  },
  PSS_APPARMOR: {
    means: "a pod turns its AppArmor profile off",
    fix: "set appArmorProfile.type: RuntimeDefault, or remove the setting",
  },
  PSS_SELINUX: { means: "a pod sets an SELinux user, role or type of its own", fix: "remove the seLinuxOptions field" },
  PSS_PROC_MOUNT: { means: "a container unmasks /proc", fix: "remove procMount" },
  PSS_SECCOMP: {
    means: "a pod turns its seccomp profile off",
    fix: "set seccompProfile.type: RuntimeDefault, or remove the setting",
  },
  PSS_SYSCTL: {
    means: "a pod sets a kernel parameter that reaches beyond it",
    fix: "remove the sysctl; set it on the node if it must be",
  },
  PSS_VOLUME_TYPE: {
    means: "a volume is of a type that the restricted level does not allow",
    fix: "use configMap, csi, downwardAPI, emptyDir, ephemeral, image, persistentVolumeClaim, projected or secret",
  },
  PSS_PRIVILEGE_ESCALATION: {
    means: "a container may gain privileges, as it may unless told otherwise",
    fix: "set securityContext.allowPrivilegeEscalation: false",
  },
  PSS_RUN_AS_NON_ROOT: {
    means: "a container may run as root",
    fix: "set securityContext.runAsNonRoot: true on the pod or the container",
  },
  PSS_RUN_AS_USER: { means: "a container runs as user 0", fix: "set runAsUser to another number, or remove it" },
  PSS_SECCOMP_UNSET: {
    means: "a container has no seccomp profile, which the restricted level wants",
    fix: "set seccompProfile.type: RuntimeDefault on the pod",
  },
  PSS_CAPABILITIES_DROP: {
    means: "a container keeps capabilities that the restricted level wants dropped",
    fix: "set capabilities.drop: [ALL]",
  },
  IMG_REFERENCE_INVALID: {
    means: "what is written where an image belongs is not an image reference",
    fix: "write host/repository:tag@sha256:digest, lower case, ASCII",
  },
  IMG_NO_POLICY: {
    means: "no ImagePolicy covers the image in this namespace, so nobody vouches for it",
    fix: "add the image to spec.match.images of a policy, or use an image that one covers",
  },
  IMG_NOT_PINNED: {
    means: "an image is named by a tag only, which can be moved after the check",
    fix: "write the digest: name:tag@sha256:…",
  },
  IMG_NOT_FOUND: { means: "the registry has no such image", fix: "push the image, or correct its name, tag or digest" },
  IMG_SCHEMA_1: {
    means: "an image is a Docker schema 1 manifest, whose content no digest binds",
    fix: "push it again with a current tool, which writes an OCI manifest",
  },
  IMG_DIGEST_MISMATCH: {
    means: "the registry sends bytes that are not what the digest names: damaged or tampered with",
    fix: "do not run this image; find out who changed the registry's content, and push the image again",
  },
  IMG_UNSIGNED: {
    means: "nobody signed the image; an attestation is not a signature, whoever made it",
    fix: "cosign sign --key <release key> <image>@<digest>",
  },
  IMG_UNTRUSTED_SIGNER: {
    means: "the image is signed, but by no release authority of the policy, or for another image or repository",
    fix: "sign it with a release key of the policy, or add the signer to spec.authorities",
  },
  IMG_SIGNERS_MISSING: {
    means: "some of the release authorities signed the image, fewer than the policy wants",
    fix: "have the authorities that are missing sign the image",
  },
  IMG_SIGNATURE_STALE: {
    means: "the image's signatures are older than the policy allows, or from the future: a roll-back to an old image",
    fix: "deploy a newer image, or build and sign this one again",
  },
  IMG_TIME_UNKNOWN: {
    means: "the policy sets an age, and nothing vouches that the statement is no older: a key's can be logged anew",
    fix: "sign by certificate: keyless with cosign, or with notation and a timestamp; or drop maxAge",
  },
  IMG_UNATTESTED: {
    means: "nothing that counts was attested of the image's digest, of a type that the policy wants",
    fix: "cosign attest --type <type> --predicate <file> <image>@<digest>",
  },
  IMG_UNTRUSTED_ATTESTER: {
    means:
      "the image is attested by an authority that may not attest this: its role is another, or the rule names others",
    fix: "have an authority of the role that the rule wants attest it, or change the rule's role or by",
  },
  IMG_ATTESTERS_MISSING: {
    means: "some of the authorities attested the image, fewer than the policy wants",
    fix: "have the authorities that are missing attest the image",
  },
  IMG_ATTESTATION_STALE: {
    means: "the attestations of the image are older than the policy allows, or from the future",
    fix: "attest the image again",
  },
  IMG_UNAPPROVED: {
    means: "fewer approvers approved the image's digest than the policy wants",
    fix: "have the approvers that are missing attest their approval of this digest",
  },
  IMG_SELF_APPROVED: {
    means: "the image is approved only by an identity that also signed or built it",
    fix: "have somebody else approve it",
  },
  IMG_DENIED: {
    means: "the policy denies the image by its digest or its repository, whoever signed it",
    fix: "use another image; who denied this one wrote it into spec.deny",
  },
  IMG_VERSION: {
    means: "the image's tag names no version, or one below the least that the policy admits",
    fix: "deploy a version that the policy admits, named by its tag: name:<version>@sha256:…",
  },
  IMG_NOT_GATHERED: {
    means: "a policy asks for evidence that nobody looked for",
    fix: "retry; if it stays, report it with the gate's log",
  },
  IMG_UNSCANNED: {
    means: "no believable scan of the image's digest is known",
    fix: "scan the image and attest the result: trivy image --format cosign-vuln -o scan.json <image> && cosign attest --key <scanner key> --type vuln --predicate scan.json <image>",
  },
  IMG_SCAN_STALE: {
    means: "the newest believable scan is older than the policy allows, or from the future",
    fix: "scan the image again and attest the result, as for IMG_UNSCANNED",
  },
  IMG_SCAN_GRACE: {
    means:
      "a warning: the image runs in this namespace, so a scan that is too old or not to be had is let pass for a while",
    fix: "scan the image again and attest the result before its grace ends, as for IMG_UNSCANNED",
  },
  IMG_VULNERABLE: {
    means: "the image has vulnerabilities of a severity that the policy refuses",
    fix: "update the packages named, build, sign and scan the image again",
  },
} as const;
