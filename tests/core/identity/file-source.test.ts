import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { silentLog } from "../../../core/base/log.ts";
import { type Authority, createAuthority } from "../../../core/identity/authority.ts";
import { createFileSource } from "../../../core/identity/file-source.ts";
import type { Svid, SvidSource } from "../../../core/identity/svid.ts";
import { GOOD_ID, HOUR_MS } from "./certificates.ts";

let folder: string;
let authority: Authority;
let source: SvidSource | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "outrider-files-"));
  authority = createAuthority({
    trustDomain: "shop.test",
    stateDir: folder,
    certificateTtlMs: HOUR_MS,
    clock: Date.now,
  });
});
afterEach(() => {
  source?.close();
  rmSync(folder, { recursive: true });
});

function put(part: "certificate" | "key" | "both"): void {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const der = publicKey.export({ type: "spki", format: "der" });
  const { chain } = authority.issue({ spiffeId: GOOD_ID, publicKey: der, ttlMs: HOUR_MS });
  if (part !== "key") writeFileSync(join(folder, "tls.crt"), chain.join(""));
  if (part !== "certificate")
    writeFileSync(join(folder, "tls.key"), privateKey.export({ type: "pkcs8", format: "pem" }));
  writeFileSync(join(folder, "ca.crt"), authority.bundle().join(""));
}

function open(): SvidSource {
  const at = (name: string) => join(folder, name);
  const files = { certificate: at("tls.crt"), key: at("tls.key"), bundle: at("ca.crt") };
  source = createFileSource({ trustDomain: "shop.test", ...files, log: silentLog, pollMs: 10 });
  return source;
}

describe("an identity from files", () => {
  it("is read and verified", () => {
    put("both");
    expect(open().current()).toMatchObject({ spiffeId: GOOD_ID });
  });

  it("is read again when the files change", async () => {
    put("both");
    const opened = open();
    const before = opened.current().serial;
    const next = new Promise<Svid>((resolve) => opened.onChange(resolve));
    put("both");
    expect((await next).serial).not.toBe(before);
  });

  it("keeps the old one while certificate and key do not fit together", async () => {
    put("both");
    const opened = open();
    const before = opened.current().serial;
    put("certificate");
    await expect(opened.renew()).rejects.toMatchObject({
      code: "IDENTITY_FILE",
      message: expect.stringContaining("not the key of"),
    });
    expect(opened.current().serial).toBe(before);
  });

  const cases: [given: string, spoil: () => void, code: string][] = [
    ["a missing key", () => rmSync(join(folder, "tls.key")), "IDENTITY_FILE"],
    ["an empty certificate", () => writeFileSync(join(folder, "tls.crt"), "\n"), "IDENTITY_FILE"],
    ["a key that is none", () => writeFileSync(join(folder, "tls.key"), "secret"), "IDENTITY_FILE"],
    [
      "a bundle of base64 that is no certificate",
      () => writeFileSync(join(folder, "ca.crt"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
      "IDENTITY_FILE",
    ],
    ["a bundle of somebody else", () => rotateAway(), "SVID_UNTRUSTED"],
  ];
  it.each(cases)("is refused at the start with %s", (_given, spoil, code) => {
    put("both");
    spoil();
    expect(open).toThrow(expect.objectContaining({ code }));
  });

  function rotateAway(): void {
    const stranger = createAuthority({
      trustDomain: "shop.test",
      stateDir: join(folder, "other"),
      certificateTtlMs: HOUR_MS,
      clock: Date.now,
    });
    writeFileSync(join(folder, "ca.crt"), stranger.bundle().join(""));
  }
});
