import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { readAdmissionConfig } from "../../../admission/config.ts";
import { DAY_MS, HOUR_MS, SECOND_MS } from "../../../core/base/clock.ts";

const folder = mkdtempSync(join(tmpdir(), "outrider-kubernetes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const GOOD = {
  listen: "127.0.0.3:8443",
  serverNames: ["127.0.0.3"],
  stateDir: "./state",
  caFile: "./ca.pem",
  admin: { listen: "127.0.0.3:9443" },
  kubernetes: { inCluster: true, register: { service: { name: "outrider-admission" } } },
};

function read(config: object) {
  const file = join(folder, "admission.yaml");
  writeFileSync(file, JSON.stringify(config));
  return readAdmissionConfig(file);
}

function problem(config: object): string {
  try {
    return String(read(config));
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

const withKubernetes = (kubernetes: object) => ({ ...GOOD, kubernetes: { ...GOOD.kubernetes, ...kubernetes } });

describe("a gate in a cluster", () => {
  it("needs no folder of policies, and has defaults for the rest", () => {
    const config = read(GOOD);
    expect(config.policies).toBeUndefined();
    expect(config.kubernetes).toEqual({
      inCluster: true,
      namespace: "outrider-system",
      register: { service: { name: "outrider-admission", port: 443 } },
      bootstrapNamespaces: ["kube-system"],
      pullSecrets: { namespaces: [] },
      timeout: 10 * SECOND_MS,
    });
    expect(config.tls).toEqual({ servingLife: 30 * DAY_MS, caLife: 365 * DAY_MS, caOverlap: HOUR_MS / 6 });
    expect(config.drain).toBe(0);
  });

  it("has its kubeconfig and its clients' authority beside the file", () => {
    const config = read({ ...GOOD, kubernetes: { kubeconfig: "./admin.conf" }, tls: { clientCa: "clients.pem" } });
    expect(config.kubernetes?.kubeconfig).toBe(join(folder, "admin.conf"));
    expect(config.tls.clientCa).toBe(join(folder, "clients.pem"));
  });

  const wrong: [given: string, config: object, says: RegExp][] = [
    [
      "neither kubeconfig nor inCluster",
      { ...GOOD, kubernetes: {} },
      /kubernetes: expected one of kubeconfig and inCluster/,
    ],
    ["both", withKubernetes({ kubeconfig: "x" }), /kubernetes: expected one of kubeconfig and inCluster/],
    ["no way to reach it", withKubernetes({ register: {} }), /register: expected one of service and url/],
    ["a URL without TLS", withKubernetes({ register: { url: "http://x" } }), /register.url: expected an https URL/],
    ["half a second", withKubernetes({ timeout: "500ms" }), /timeout: expected whole seconds from "1s" to "30s"/],
    ["a minute", withKubernetes({ timeout: "60s" }), /timeout: expected whole seconds/],
    [
      "a namespace by its beginning",
      withKubernetes({ bootstrapNamespaces: ["kube-*"] }),
      /bootstrapNamespaces\[0\]: expected a name/,
    ],
    [
      "names without an authority",
      { ...GOOD, tls: { clientNames: ["kube-apiserver"] } },
      /tls.clientCa: expected a file/,
    ],
    ["no policies from anywhere", { ...GOOD, kubernetes: undefined }, /policies: expected a folder, or kubernetes/],
    [
      "certificates of no life",
      { ...GOOD, tls: { servingLife: "0s" } },
      /tls.servingLife: expected a duration above zero/,
    ],
  ];
  it.each(wrong)("is refused with %s", (_, config, says) => {
    expect(problem(config)).toMatch(says);
  });
});
