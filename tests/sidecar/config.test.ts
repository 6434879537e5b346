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

function read(text: string) {
  const file = join(dir, "sidecar.yaml");
  writeFileSync(file, text);
  return readSidecarConfig(file);
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

describe("the projected token", () => {
  const token = (payload: unknown) => `h.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.s`;

  it("says which service account to ask a certificate for", () => {
    expect(serviceAccountOf(token({ "kubernetes.io": { serviceaccount: { name: "worker" } } }))).toBe("worker");
  });

  it.each(["", "a.b.c", token({}), token(null)])("is refused when it is %j", (text) => {
    expect(() => serviceAccountOf(text)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });
});
