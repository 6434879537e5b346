import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { readSidecarConfig } from "../../sidecar/config.ts";
import { serviceAccountOf } from "../../sidecar/identity/token.ts";

const dir = mkdtempSync(join(tmpdir(), "outrider-sidecar-config-"));
afterAll(() => rmSync(dir, { recursive: true }));

const GOOD = `
trustDomain: demo.outrider.dev
pod: { namespace: shop, name: checkout-1, uid: "u-1", ip: "127.0.0.22" }
identity: { url: "https://127.0.0.1:15012", bundleFile: ./trust-bundle.pem, tokenFile: ./checkout-1.token }
control: { address: "127.0.0.1:15010" }
stateDir: ./checkout-1
inbound: [ { port: 8080, listen: "127.0.0.22:8080", app: "127.0.0.22:18080" } ]
outbound: { listen: "127.0.0.22:15001" }
admin: { listen: "127.0.0.22:15020" }
collector: { url: "http://127.0.0.2:4318", interval: 250ms }
tracing: { sampleRatio: 1 }
drainDeadline: 5s
`;

function read(text: string, environment: Record<string, string> = {}) {
  const file = join(dir, "sidecar.yaml");
  writeFileSync(file, text);
  return readSidecarConfig(file, environment);
}

describe("the sidecar's configuration", () => {
  it("is read with its paths made absolute and its durations in milliseconds", () => {
    expect(read(GOOD)).toMatchObject({
      stateDir: join(dir, "checkout-1"),
      identity: { bundleFile: join(dir, "trust-bundle.pem"), tokenFile: join(dir, "checkout-1.token") },
      inbound: [{ port: 8080, app: { host: "127.0.0.22", port: 18080 } }],
      collector: { interval: 250 },
      drainDeadline: 5000,
      accessLog: "refused",
    });
  });

  it("takes certificate files instead of an authority", () => {
    const files = GOOD.replace(/identity:.*/, "identity: { files: { certificate: c.pem, key: k.pem, bundle: b.pem } }");
    expect(read(files).identity).toEqual({
      files: { certificate: join(dir, "c.pem"), key: join(dir, "k.pem"), bundle: join(dir, "b.pem") },
    });
  });

  it("is refused with every problem at once", () => {
    const bad = GOOD.replace('ip: "127.0.0.22"', "ip: here")
      .replace("sampleRatio: 1", "sampleRatio: 7")
      .replace("drainDeadline", "drainDedline");
    expect(() => read(bad)).toThrow(/3 problems[\s\S]*pod\.ip[\s\S]*sampleRatio[\s\S]*drainDedline/);
  });
});

describe("what injection says of a pod in the sidecar's environment", () => {
  const POD = {
    OUTRIDER_POD_NAMESPACE: "shop",
    OUTRIDER_POD_NAME: "web-1",
    OUTRIDER_POD_UID: "u-2",
    OUTRIDER_POD_IP: "fd00::7",
  };
  const shared = GOOD.replace(/pod:.*/, "");
  const target = { port: 8080, timeoutSeconds: 1, httpGet: { path: "/healthz", port: "http" } };

  it("stands for the pod that a shared file cannot name", () => {
    const { pod } = read(shared, POD);
    expect(pod).toEqual({ namespace: "shop", name: "web-1", uid: "u-2", ip: "fd00::7" });
    expect(() => read(shared)).toThrow("pod");
  });

  it("brings the application's probes, asked for at the pod's own address", () => {
    const { probes } = read(shared, { ...POD, OUTRIDER_PROBES: JSON.stringify({ "web/livez": target }) });
    expect(probes?.listen).toEqual({ host: "fd00::7", port: 15_021 });
    expect(probes?.app["web/livez"]).toMatchObject({ port: 8080, httpGet: { path: "/healthz", scheme: "HTTP" } });
  });

  const cases: [given: string, table: unknown, message: RegExp][] = [
    ["no JSON", undefined, /OUTRIDER_PROBES: expected JSON/],
    ["a probe of a port of the mesh", { "web/livez": { ...target, port: 15_020 } }, /probes\.app.*port/],
    ["two handlers in one", { "web/livez": { ...target, tcpSocket: {} } }, /expected one of httpGet/],
    ["a key that is no probe's", { "web/config": target }, /web\/config/],
    ["a hook without a token", { "web/prestop": target }, /web\/prestop/],
    [
      "a header that ends the line",
      { "web/livez": { ...target, httpGet: { httpHeaders: [{ name: "a", value: "b\r\nc: d" }] } } },
      /httpHeaders/,
    ],
    [
      "too many headers",
      { "web/livez": { ...target, httpGet: { httpHeaders: Array.from({ length: 33 }, () => ({ name: "a" })) } } },
      /httpHeaders/,
    ],
    ["a path over the limit", { "web/livez": { ...target, httpGet: { path: `/${"a".repeat(2048)}` } } }, /path/],
    ["more than one variable holds", { "web/livez": { ...target, pad: "a".repeat(64 * 1024) } }, /at most 65536/],
  ];
  it.each(cases)("is refused with %s", (_, table, message) => {
    const text = table === undefined ? "{" : JSON.stringify(table);
    expect(() => read(shared, { ...POD, OUTRIDER_PROBES: text })).toThrow(message);
  });
});

describe("the projected token", () => {
  const token = (payload: unknown) => `h.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.s`;

  it("says which service account to ask a certificate for", () => {
    expect(serviceAccountOf(token({ "kubernetes.io": { serviceaccount: { name: "worker" } } }))).toBe("worker");
  });

  it.each(["", "a.b.c", token({}), token(null)])("is refused when it is %j", (text) => {
    expect(() => serviceAccountOf(text)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });
});
