import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { stringify } from "yaml";
import { pushImage, startRegistry } from "../../cli/demo/registry/registry.ts";
import { DAY_MS } from "../../core/base/clock.ts";
import { createAuthority } from "../../core/identity/authority.ts";

/** The built command as a user runs it: every line here is a process of its own. */
const OUTRIDER = join(import.meta.dirname, "../../dist/outrider.js");
/** Longest life of a command that should refuse at once, in milliseconds. */
const DEADLINE_MS = 15_000;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function outrider(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [OUTRIDER, ...args], {
      cwd: root,
      env: { ...env, NODE_COMPILE_CACHE: join(root, "compiled") }, // seventy starts of the same program
      timeout: DEADLINE_MS,
    });
    const printed = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk) => {
      printed.stdout += String(chunk);
    });
    child.stderr.on("data", (chunk) => {
      printed.stderr += String(chunk);
    });
    child.on("close", (code) => resolve({ code, ...printed }));
  });
}

let root: string;
let taken: Server;
let takenAddress: string;
/** An address nobody else uses, with any free port. */
const FREE = "127.0.0.1:0";

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "outrider-bad-input-"));
  taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const bound = taken.address();
  takenAddress = `127.0.0.1:${typeof bound === "object" ? bound?.port : 0}`;
  write(
    "manifests/pod.yaml",
    "apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec: { containers: [{ name: a }] }\n",
  );
  write("broken/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: { name: WEB }\nspec: { containers: [] }\n");
  write("broken/policy.yaml", "kind: [\n");
  write("slo/ok.yaml", "# no objective yet\n");
  write("policies/ok.yaml", "# no policy yet\n");
  write("jwks.json", '{"keys":[]}');
  write("a-file", "not a folder");
  writeIdentity();
});
afterAll(() => {
  taken.close();
  rmSync(root, { recursive: true });
});

function write(file: string, text: string): string {
  const path = join(root, file);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** What a sidecar with identity files starts with. */
function writeIdentity(): void {
  const authority = createAuthority({
    trustDomain: "shop.test",
    stateDir: join(root, "authority"),
    certificateTtlMs: DAY_MS,
    clock: Date.now,
  });
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { chain } = authority.issue({
    spiffeId: "spiffe://shop.test/ns/shop/sa/web",
    publicKey: publicKey.export({ type: "spki", format: "der" }),
    ttlMs: DAY_MS,
  });
  write("cert.pem", chain.join(""));
  write("key.pem", privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  write("anchors.pem", authority.bundle().join(""));
}

/** One good configuration for each service; each case is the one field that differs. */
const GOOD = {
  mesh: {
    trustDomain: "shop.test",
    stateDir: "./state-mesh",
    bundleFile: "./bundle.pem",
    cluster: { folder: "./manifests" },
    ca: { listen: FREE },
    snapshots: { listen: FREE },
    admin: { listen: FREE },
    tokens: { jwks: "./jwks.json", issuer: "https://kubernetes.default.svc" },
  },
  sidecar: {
    trustDomain: "shop.test",
    pod: { namespace: "shop", name: "web-1", uid: "uid-web", ip: "127.0.0.1" },
    identity: { files: { certificate: "./cert.pem", key: "./key.pem", bundle: "./anchors.pem" } },
    control: { address: "127.0.0.1:1" },
    stateDir: "./state-sidecar",
    inbound: [{ port: 8080, listen: FREE, app: "127.0.0.1:1" }],
    admin: { listen: FREE },
  },
  admission: {
    listen: FREE,
    serverNames: ["127.0.0.1"],
    stateDir: "./state-admission",
    caFile: "./webhook-ca.pem",
    admin: { listen: FREE },
    policies: { folder: "./policies" },
  },
  collector: {
    otlp: { listen: FREE },
    web: { listen: FREE },
    stateDir: "./state-collector",
    slo: { folder: "./slo" },
  },
} as const;
type Service = keyof typeof GOOD;

let files = 0;
const start = (service: Service, difference: object, env?: NodeJS.ProcessEnv) => {
  const file = write(`config-${files++}.yaml`, stringify({ ...GOOD[service], ...difference }));
  return outrider([service, "--config", file], env);
};

/** Exit code 2, a reason that is not ours, and no service that says it is ready. */
function expectRefused(ended: Ended, ...said: readonly (string | RegExp)[]): void {
  expect(ended).toMatchObject({ code: 2, stderr: expect.not.stringContaining("this is a bug") });
  expect(ended.stdout).not.toContain('"ready"');
  for (const text of said) expect(ended.stderr).toMatch(text);
}

describe.each(Object.keys(GOOD) as Service[])("outrider %s", (service) => {
  it.concurrent("without --config", async () => expectRefused(await outrider([service]), /--config/));

  it.concurrent("with a flag that is none", async () =>
    expectRefused(
      await outrider([service, "--config", "x.yaml", "--conifg", "y"]),
      /unknown option '--conifg'/,
      /--config/,
    ));

  it.concurrent("with a file that is not there", async () =>
    expectRefused(
      await outrider([service, "--config", "nowhere.yaml"]),
      /error: CONFIG_UNREADABLE: nowhere.yaml/,
      /hint: /,
    ));

  it.concurrent("with several problems, all at once, and nothing begun", async () => {
    const stateDir = `never-${service}`;
    const ended = await start(service, { stateDir, stateDri: "x", admin: { listen: "8443" }, web: { listen: "8443" } });
    expectRefused(
      ended,
      /stateDri: unknown key \(did you mean "stateDir"\?\)/,
      /listen: expected host:port .*, found "8443"/,
    );
    expect(existsSync(join(root, stateDir))).toBe(false);
  });

  it.concurrent("with a state folder that is none", async () =>
    expectRefused(
      await start(service, { stateDir: "./a-file/state" }),
      /error: (FILE_NOT_USABLE|IDENTITY_FILE): .*a-file/,
      /hint: /,
    ));
});

describe("a port in use is named, with what to do", () => {
  const cases: [service: Service, what: string, difference: () => object][] = [
    ["mesh", "certificate authority", () => ({ ca: { listen: takenAddress } })],
    ["mesh", "snapshot stream", () => ({ snapshots: { listen: takenAddress } })],
    ["mesh", "mesh admin", () => ({ admin: { listen: takenAddress } })],
    ["admission", "webhook", () => ({ listen: takenAddress })],
    ["admission", "admin", () => ({ admin: { listen: takenAddress } })],
    ["collector", "otlp", () => ({ otlp: { listen: takenAddress } })],
    ["collector", "web", () => ({ web: { listen: takenAddress } })],
    ["sidecar", "admin", () => ({ admin: { listen: takenAddress } })],
  ];
  it.concurrent.each(cases)("%s: %s", async (service, _what, difference) => {
    const ended = await start(service, { stateDir: `taken-${files}`, ...difference() });
    expectRefused(ended, /error: PORT_IN_USE: .*127\.0\.0\.1:\d+/, /hint: stop the process that listens there/);
  });

  it.concurrent("and an address of another machine", async () =>
    expectRefused(
      await start("mesh", { admin: { listen: "192.0.2.1:1" } }),
      /error: ADDRESS_NOT_AVAILABLE: .*192\.0\.2\.1/,
    ));
});

describe("what a service reads besides its configuration is refused too", () => {
  const cases: [given: string, service: Service, difference: object, said: RegExp[]][] = [
    [
      "manifests, every file of them",
      "mesh",
      { cluster: { folder: "./broken" } },
      [/pod\.yaml:1 Pod WEB: 2 problems/, /metadata\.name: expected a name/, /policy\.yaml: \d problems?\n {2}line/],
    ],
    ["a folder of manifests that is not there", "mesh", { cluster: { folder: "./none" } }, [/CLUSTER_FOLDER: .*none/]],
    [
      "a time that never comes",
      "mesh",
      { cluster: { folder: "./manifests", relistInterval: "0s" } },
      [/relistInterval/],
    ],
    [
      "a key set that is none",
      "mesh",
      { tokens: { ...GOOD.mesh.tokens, jwks: "./a-file" } },
      [/CA_JWKS_INVALID: .*a-file/],
    ],
    [
      "a certificate that is not there",
      "sidecar",
      { identity: { files: { ...GOOD.sidecar.identity.files, certificate: "./none.pem" } } },
      [/IDENTITY_FILE: .*none\.pem/],
    ],
    ["image policies", "admission", { policies: { folder: "./bad-policies" } }, [/p\.yaml.*: \d problems?/, /modes/]],
    ["a folder of policies that is not there", "admission", { policies: { folder: "./none" } }, [/none/]],
    ["manifests", "admission", { cluster: { folder: "./broken" } }, [/Pod WEB: 2 problems/]],
    ["objectives", "collector", { slo: { folder: "./bad-slo" } }, [/slo\.yaml.*: \d problems?/, /objectives/]],
    ["a folder of objectives that is not there", "collector", { slo: { folder: "./none" } }, [/none/]],
  ];
  beforeAll(() => {
    write("damaged/roots.json", '{"roots":[{"name":');
    write("rootless/roots.json", '{"roots":[]}');
    const policy = { apiVersion: "outrider.dev/v1alpha1", kind: "ImagePolicy", metadata: { name: "p" } };
    write("bad-policies/p.yaml", stringify({ ...policy, spec: { match: { images: ["a/*"] }, modes: "enforce" } }));
    const spec = { service: "a", objectives: [{ target: 99.9 }] };
    write("bad-slo/slo.yaml", stringify({ apiVersion: "openslo/v1", kind: "SLO", metadata: { name: "s" }, spec }));
  });
  it.concurrent.each(cases)("%s of %s", async (_given, service, difference, said) => {
    expectRefused(await start(service, { stateDir: `read-${files}`, ...difference }), ...said);
  });
});

describe("a command of a person", () => {
  const cases: [given: string, args: string[], said: RegExp][] = [
    ["that is none", ["explan"], /unknown command 'explan'/],
    [
      "mesh with a file that is no YAML",
      ["mesh", "--config", "broken/policy.yaml"],
      /policy\.yaml: \d problems?\n {2}line 2 column 1/,
    ],
    ["explain without a folder", ["explain", "a", "b"], /--cluster/],
    ["explain with broken manifests", ["explain", "a", "b", "--cluster", "broken"], /Pod WEB: 2 problems/],
    ["explain of nobody", ["explain", "wbe", "web", "--cluster", "manifests"], /CLI_NO_SUCH_WORKLOAD/],
    ["check of a file that is not there", ["check", "none.yaml", "--policies", "policies"], /none\.yaml/],
    [
      "check of broken manifests",
      ["check", "broken/policy.yaml", "--policies", "policies"],
      /policy\.yaml: \d problem/,
    ],
    ["check under broken policies", ["check", "manifests/pod.yaml", "--policies", "bad-policies"], /p\.yaml/],
    ["scan of what is no image", ["scan", "UPPER//x"], /REF_/],
    ["scan with a severity that is none", ["scan", "a/b", "--fail-on", "awful"], /Allowed choices/],
    ["slo status of broken objectives", ["slo", "status", "--slo", "bad-slo"], /slo\.yaml/],
    ["slo status of no folder", ["slo", "status", "--slo", "none"], /none/],
    ["slo status at what is no URL", ["slo", "status", "--collector", "::"], /::/],
    ["demo with a flag that is none", ["demo", "--sty"], /unknown option '--sty'.*\n.*--stay/s],
    ["demo with a sabotage that is none", ["demo", "--sabotage", "drop-polcy"], /drop-polcy/],
  ];
  it.concurrent.each(cases)("%s", async (_given, args, said) => {
    const ended = await outrider(args);
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 2, stderr: expect.stringMatching(said) });
    expect(ended.stderr).not.toContain("this is a bug");
  });

  it("scan without trivy says what is missing and how to get it", async () => {
    const registry = await startRegistry({ host: "127.0.0.1", port: 0 });
    const { reference } = await pushImage(registry, { repository: "shop/web", tag: "1" });
    const args = ["scan", reference, "--registry", `${registry.host}=plain`];
    const ended = await outrider(args, { ...process.env, PATH: join(root, "manifests") });
    await registry.close();
    expectRefused(ended, /error: BINARY_MISSING: trivy: not found/, /hint: install trivy/);
  });
});

/** Every write of the process finds the disk full; reads do not. */
const FULL_DISK = `
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
const full = (what) => { throw Object.assign(new Error("ENOSPC: no space left on device, " + what), { code: "ENOSPC", syscall: what }); };
for (const name of ["writeSync", "writeFileSync", "appendFileSync"]) {
  const real = fs[name];
  fs[name] = (target, ...rest) => (target === 1 || target === 2 ? real(target, ...rest) : full("write"));
}
fs.promises.writeFile = async () => full("write");
fs.promises.appendFile = async () => full("write");
const open = fs.promises.open;
fs.promises.open = async (path, flags, ...rest) => (/[wa+]/.test(String(flags)) ? full("open") : open(path, flags, ...rest));
syncBuiltinESMExports();
`;

describe("a disk that is full is called so", () => {
  it.concurrent.each(["mesh", "admission", "collector"] as const)("by %s", async (service) => {
    const preload = write("full-disk.mjs", FULL_DISK);
    const stateDir = `full-${service}`;
    expectRefused(
      await start(service, { stateDir }, { ...process.env, NODE_OPTIONS: `--import ${preload}` }),
      /error: DISK_FULL: .*ENOSPC/,
      /hint: free disk space/,
    );
  });
});
