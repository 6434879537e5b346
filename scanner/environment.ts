/** A folder that nobody can have put credentials into. */
const NO_FOLDER = "/nonexistent/outrider";

/** What trivy may see of our environment; registry credentials only where they are given for it. */
const PASSED_ON = [
  "PATH",
  "HOME",
  "TMPDIR",
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "NO_PROXY",
  "SSL_CERT_FILE",
  "TRIVY_USERNAME",
  "TRIVY_PASSWORD",
  "TRIVY_DB_REPOSITORY",
  "TRIVY_JAVA_DB_REPOSITORY",
  "TRIVY_CACHE_DIR",
];

/** The environment a scan runs in: no Docker configuration, so that trivy finds no credentials it was not given. */
export function trivyEnvironment(ours: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const passed = PASSED_ON.flatMap((name) => {
    const value = ours[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(passed), DOCKER_CONFIG: NO_FOLDER };
}
