import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "@jest/globals";
import { parse, stringify } from "yaml";
import { readAdmissionConfig } from "../../../admission/config.ts";
import { DOCKER_CONFIG_LOOK_MS, dockerKeyring, openRegistryAccess } from "../../../admission/registries/access.ts";
import { silentLog } from "../../../core/base/log.ts";
import { parseReference } from "../../../core/images/reference.ts";

const folder = mkdtempSync(join(tmpdir(), "outrider-access-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const GOOD = {
  listen: "127.0.0.3:8443",
  serverNames: ["127.0.0.3"],
  stateDir: "./state",
  caFile: "./ca.pem",
  admin: { listen: "127.0.0.3:9443" },
  policies: { folder: "./policies" },
};

function read(more: object) {
  const file = join(folder, "admission.yaml");
  writeFileSync(file, stringify({ ...GOOD, ...more }));
  return readAdmissionConfig(file);
}

const open = (more: object, env: Readonly<Record<string, string>> = {}) => {
  const { registries, dockerConfig } = read(more);
  return openRegistryAccess({ registries, dockerConfig, stateDir: folder, env, log: silentLog }, (history) => {
    history.close();
    return history;
  });
};
const docker = (user: string) => JSON.stringify({ auths: { "ghcr.io": { username: user, password: "p" } } });

describe("the configuration of registries", () => {
  beforeEach(() => writeFileSync(join(folder, "password"), "s3cret\n"));

  it("takes each setting to the client, the password from its file", () => {
    const registry = {
      host: "ghcr.io",
      credentials: { username: "robot", passwordFile: "password" },
      tokenHosts: ["auth.example"],
      mirrors: ["mirror.example/ghcr"],
      tagsFromMirrors: true,
      concurrency: 4,
    };
    const access = open({ registries: [registry] });
    expect(access.registries).toEqual([
      { ...registry, plainHttp: false, credentials: { username: "robot", password: "s3cret" } },
    ]);
    expect(access.history).toBeDefined();
  });

  it("is as the documentation shows it", () => {
    const page = readFileSync(new URL("../../../docs/registries.md", import.meta.url), "utf8");
    const shown = parse(/```yaml\n([^`]*)```/.exec(page)?.[1] ?? "");
    expect(read(shown).registries.map(({ host }) => host)).toContain("docker.io");
    expect(read(shown).dockerConfig?.helpers?.env).toEqual(["AWS_REGION"]);
  });

  it("remembers no tags where no mirror may give one", () =>
    expect(open({ registries: [{ host: "ghcr.io" }] }).history).toBeUndefined());

  it.each([
    ["a host with a path", { host: "ghcr.io/acme" }, "registries[0].host"],
    ["a mirror that is a URL", { host: "ghcr.io", mirrors: ["https://mirror.example"] }, "registries[0].mirrors[0]"],
    [
      "a password in the open",
      { host: "ghcr.io", credentials: { username: "u", password: "p" } },
      "registries[0].credentials",
    ],
    ["no requests at all", { host: "ghcr.io", concurrency: 0 }, "registries[0].concurrency"],
  ])("is refused with %s", (_what, registry, path) => {
    expect(() => read({ registries: [registry] })).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining(path) }),
    );
  });

  it("is refused when a password's file is not there", () => {
    const registries = [{ host: "ghcr.io", credentials: { username: "u", passwordFile: "none" } }];
    expect(() => open({ registries })).toThrow(expect.objectContaining({ code: "CREDENTIALS_INVALID" }));
  });

  it("gives a helper the variables it names and no others", () => {
    writeFileSync(join(folder, "docker.json"), docker("a"));
    const dockerConfig = { file: "docker.json", helpers: { env: ["AWS_REGION"] } };
    const env = { PATH: "/bin", AWS_REGION: "eu", TOKEN: "s3cret" };
    expect(open({ dockerConfig }, env).helpers).toEqual({ env: { PATH: "/bin", AWS_REGION: "eu" } });
    expect(open({ dockerConfig: { file: "docker.json" } }, env).helpers).toBeUndefined();
  });
});

describe("a docker configuration", () => {
  const file = join(folder, "watched.json");
  let nowMs = 0;
  const errors: unknown[] = [];
  const write = (text: string) => {
    writeFileSync(file, text);
    utimesSync(file, ++nowMs, nowMs);
  };
  const start = () => dockerKeyring(file, { error: (told: unknown) => void errors.push(told) } as never, () => nowMs);
  const user = (keyring: ReturnType<typeof start>) => keyring.find(parseReference("ghcr.io/acme/web"));

  it("is followed when it changes", () => {
    write(docker("first"));
    const keyring = start();
    write(docker("second"));
    expect(user(keyring)).toMatchObject({ username: "first" });
    nowMs += DOCKER_CONFIG_LOOK_MS;
    expect(user(keyring)).toMatchObject({ username: "second" });
  });

  it("that becomes unreadable leaves the last good one in force, and that is told", () => {
    write(docker("good"));
    const keyring = start();
    write("{");
    nowMs += DOCKER_CONFIG_LOOK_MS;
    expect(user(keyring)).toMatchObject({ username: "good" });
    expect(errors).toEqual([{ err: expect.objectContaining({ code: "CREDENTIALS_INVALID" }) }]);
  });
});
