import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { SIDECAR_NAME } from "../../admission/sidecar/sidecar-spec.ts";
import { run } from "./support/run.ts";

const IMAGE = `ghcr.io/acme/outrider@sha256:${"a".repeat(64)}`;
const BIN = fileURLToPath(new URL("../../cli/bin.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "outrider-inject-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function file(text: string): string {
  const path = join(folder, `${files++}.yaml`);
  writeFileSync(path, text);
  return path;
}

const TEMPLATE = `metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: ghcr.io/acme/web:1
          ports: [{ name: http, containerPort: 8080 }]
          livenessProbe: { httpGet: { path: /healthz, port: http } }
          lifecycle: { preStop: { httpGet: { path: /bye, port: http } } }
      volumes: [{ name: config, configMap: { name: c, defaultMode: 0644 } }]`;

const SHOP = `# the shop
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop, annotations: { flag: "yes", at: "12:30" } }
spec:
  template:
    ${TEMPLATE}
---
apiVersion: v1
kind: Service
metadata: { name: web }
---
apiVersion: v1
kind: List
items:
  - apiVersion: batch/v1
    kind: CronJob
    metadata: { name: nightly }
    spec: { jobTemplate: { spec: { template: { spec: { containers: [{ name: job, image: job }] } } } } }
  - apiVersion: v1
    kind: Pod
    metadata: { name: bare, annotations: { outrider.dev/inject: disabled } }
    spec: { containers: [{ name: bare, image: bare }] }
`;

/** As Kubernetes reads it: YAML 1.1, where 0644 is octal. */
const read = (text: string): unknown[] =>
  parseAllDocuments(text, { version: "1.1" }).map((one) => one.toJS() as unknown);
const inject = (...args: string[]) => run(["inject", "--image", IMAGE, ...args]);
const countOf = (text: string): number => text.split(`name: ${SIDECAR_NAME}\n`).length - 1;

describe("outrider inject", () => {
  it("gives every workload its sidecar, in lists and templates, and leaves the rest as it is", async () => {
    const { code, stdout, stderr } = await inject("-f", file(SHOP));
    expect(code).toBe(0);
    expect(countOf(stdout)).toBe(2 + 2); // the container, and the name of its ConfigMap
    expect(read(stdout)[0]).toMatchObject({
      metadata: { annotations: { flag: "yes", at: "12:30" } },
      spec: {
        template: {
          metadata: { annotations: { "outrider.dev/injected": `sha256:${"a".repeat(64)}` } },
          spec: {
            initContainers: [{ name: SIDECAR_NAME, image: IMAGE }],
            containers: [{ livenessProbe: { httpGet: { path: "/app-health/web/livez", port: 15_021 } } }],
            volumes: [{ configMap: { defaultMode: 0o644 } }, {}, {}, {}],
          },
        },
      },
    });
    expect(read(stdout)[1]).toEqual({ apiVersion: "v1", kind: "Service", metadata: { name: "web" } });
    expect(stderr.split("\n")).toEqual([
      "injected Deployment shop/web",
      "injected CronJob nightly",
      "left Pod bare as it is: outrider.dev/inject: disabled",
      "",
    ]);
  });

  it("twice is once, and outrider uninject brings back what was there", async () => {
    const once = (await inject("-f", file(SHOP))).stdout;
    expect((await inject("-f", file(once))).stdout).toBe(once);
    const back = await run(["uninject", "-f", file(once)]);
    expect(read(back.stdout)).toEqual(read(SHOP));
    expect(back).toMatchObject({ code: 0, stderr: expect.stringContaining("uninjected Deployment shop/web\n") });
  });

  it("escapes what the YAML of Kubernetes takes for the end of a line, so that no value adds a line", async () => {
    const strange = ["\u0085", "\u2028", "\u2029", "\ufeff", "\u007f", "\u0090"];
    const annotations = Object.fromEntries(
      strange.flatMap((c, i) => [
        [`k${i}`, `x${c}forged: y`],
        [`${c}${i}`, "key"],
      ]),
    );
    const metadata = { name: "web", annotations };
    const pod = { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [{ name: "web", image: "web" }] } };
    const { stdout } = await run(["inject", "--image", IMAGE, "-f", file(JSON.stringify(pod))]);
    expect(stdout).not.toMatch(/[\u007f-\u009f\u2028\u2029\ufeff]/);
    expect(stdout).toContain('"x\\u2028forged: y"');
    expect(read(stdout)).toMatchObject([{ metadata }]);
  });

  it("says so when there was nothing to change", async () => {
    const [empty, other] = [file("# nothing\n"), file("apiVersion: v1\nkind: Service\nmetadata: { name: web }\n")];
    expect(await inject("-f", empty)).toMatchObject({ code: 0, stderr: "found no workload in 0 documents\n" });
    expect(await inject("-f", other)).toMatchObject({ code: 0, stderr: "found no workload in 1 document\n" });
  });

  it("prints one JSON object a line when asked", async () => {
    const { stdout } = await inject("-f", file(SHOP), "--json");
    const kinds = stdout
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { kind: string }).kind);
    expect(kinds).toEqual(["Deployment", "Service", "List"]);
  });

  it("reads standard input, and several files in order", async () => {
    const child = spawn(process.execPath, [BIN, "inject", "--image", IMAGE, "-f", "-", file("kind: Other\n")]);
    const printed: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => printed.push(chunk));
    child.stdin.end(SHOP);
    const [code] = (await once(child, "close")) as [number];
    expect(code).toBe(0);
    expect(read(Buffer.concat(printed).toString("utf8")).map((one) => (one as { kind: string }).kind)).toEqual([
      "Deployment",
      "Service",
      "List",
      "Other",
    ]);
  });

  it("names every place that cannot be, with file and line, and prints nothing", async () => {
    const bad = file(
      SHOP.replace("- name: web\n", "- name: web\n          securityContext: { runAsUser: 21020 }\n").replace(
        "path: /bye, port: http",
        "path: /bye, port: 15020",
      ),
    );
    const { code, stdout, stderr } = await inject("-f", bad);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr.split("\n").slice(0, 3)).toEqual([
      "error: INJECT_REFUSED: 2 problems",
      expect.stringMatching(
        `^  ${bad}:11: Deployment shop/web: SIDECAR_UID_TAKEN: spec\\.template\\.spec\\.containers\\[0\\]\\.securityContext\\.runAsUser: found user 21020`,
      ),
      expect.stringMatching(
        `^  ${bad}:15: Deployment shop/web: SIDECAR_PROBE: .*lifecycle\\.preStop: found port 15020`,
      ),
    ]);
  });
});

describe("wrong input ends with 2", () => {
  const cases: [given: string, text: string, message: RegExp][] = [
    ["when it is no YAML", "a: [", /line 1 column/],
    [
      "when a workload has no pod",
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: x }\n",
      /yaml:1.*\n.*Deployment x: spec/,
    ],
    [
      "when it holds what would not be printed as it was read",
      "kind: A\nspec:\n  <<: { a: 1 }\n  b: 9007199254740993\n",
      /line 3 column 3: found a merge key.*\n.*line 4 column 6: found a number that would be rounded/,
    ],
    [
      "when a document is no object",
      "kind: Pod\n---\n- 1\n",
      /\.yaml:1.*\n.*\n.*\.yaml:3.*\n.*expected a Kubernetes object/,
    ],
  ];
  it.each(cases)("%s", async (_, text, message) => {
    const { code, stdout, stderr } = await inject("-f", file(text));
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  it("when the image is not pinned, or there is no such file", async () => {
    expect(await run(["inject", "-f", "x", "--image", "ghcr.io/acme/outrider:1"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("CLI_OPTION: --image: expected an image pinned by digest"),
    });
    expect(await inject("-f", join(folder, "none.yaml"))).toMatchObject({ code: 2 });
  });
});
