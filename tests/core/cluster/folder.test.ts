import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { ClusterObjects } from "../../../core/cluster/objects.ts";
import { readFolder } from "../../../core/cluster/read-folder.ts";
import { type FolderWatch, watchFolder } from "../../../core/cluster/watch-folder.ts";

let root: string;
let folder: string;
let watching: FolderWatch | undefined;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "outrider-cluster-"));
  folder = join(root, "manifests");
  mkdirSync(folder);
});
afterEach(() => {
  watching?.close();
  watching = undefined;
  rmSync(root, { recursive: true });
});

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

const pod = (name: string) => `apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec: { containers: [{ name: app, image: "a:1" }] }
`;

function problemOf(): string {
  try {
    readFolder(folder);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

describe("a folder of manifests is read", () => {
  it("with all its files: YAML of several documents, JSON, folders below, in the order of their paths", () => {
    write("b.yaml", `${pod("two")}---\n# nothing here\n---\n${pod("three")}`);
    write("a/deep.yml", pod("one"));
    write("c.json", JSON.stringify({ apiVersion: "v1", kind: "Service", metadata: { name: "svc", namespace: "x" } }));
    write("notes.txt", "not a manifest");
    const objects = readFolder(folder);
    expect(objects.pods.map((p) => p.metadata.name)).toEqual(["one", "two", "three"]);
    expect(objects.services[0]?.metadata).toEqual({ name: "svc", namespace: "x" });
  });

  it("with the line every object and every policy rule begins on", () => {
    write(
      "p.yaml",
      `${pod("a")}---
# who may call
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: p }
spec:
  podSelector: {}
  ingress:
    - from: [{ podSelector: {} }]
    # and the node agents
    - from: [{ ipBlock: { cidr: 10.0.0.0/8 } }]
  egress: [{}]
`,
    );
    const { pods, networkPolicies } = readFolder(folder);
    expect(pods[0]?.source).toBe("manifests/p.yaml:1");
    expect(networkPolicies[0]?.source).toBe("manifests/p.yaml:7");
    expect(networkPolicies[0]?.ruleSources).toEqual({
      ingress: ["manifests/p.yaml:13", "manifests/p.yaml:15"],
      egress: ["manifests/p.yaml:16"],
    });
  });

  it("with lists unfolded, each item at its own line", () => {
    write(
      "list.yaml",
      `apiVersion: v1\nkind: List\nitems:\n- ${pod("a").trim().replaceAll("\n", "\n  ")}\n- ${pod("b").trim().replaceAll("\n", "\n  ")}\n`,
    );
    expect(readFolder(folder).pods.map((p) => [p.metadata.name, p.source])).toEqual([
      ["a", "manifests/list.yaml:4"],
      ["b", "manifests/list.yaml:8"],
    ]);
  });

  it("with links to files, and without what a dot hides: a mounted ConfigMap is made of both", () => {
    write("..2026/a.yaml", pod("a"));
    symlinkSync("..2026", join(folder, "..data"));
    symlinkSync("..data/a.yaml", join(folder, "a.yaml"));
    expect(readFolder(folder).pods.map((p) => p.source)).toEqual(["manifests/a.yaml:1"]);
  });

  it("not when a link leads nowhere: what it named would be missing", () => {
    symlinkSync("nowhere.yaml", join(folder, "a.yaml"));
    expect(() => readFolder(folder)).toThrow(expect.objectContaining({ code: "CLUSTER_FOLDER" }));
  });

  it("with the namespace default where none is written, and every other field as it is", () => {
    write("a.yaml", `${pod("a")}unknownToUs: { kept: true }\n`);
    const [read] = readFolder(folder).pods;
    expect(read?.metadata.namespace).toBe("default");
    expect(read).toMatchObject({ unknownToUs: { kept: true } });
  });

  it("without the kinds that are not read", () => {
    write(
      "crd.yaml",
      "apiVersion: example.org/v1\nkind: Pod\nmetadata: { name: 7 }\n---\napiVersion: v1\nkind: toString\n",
    );
    expect(Object.values(readFolder(folder)).flat()).toEqual([]);
  });
});

describe("a folder with faults says all of them at once", () => {
  it("of every file, with line, object, path, found and expected", () => {
    write("a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: { name: UPPER }\nspec: { containers: [] }\n");
    write(
      "b.yaml",
      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: p }\nspec: { ingres: [], policyTypes: [ingress] }\n",
    );
    const problem = problemOf();
    expect(problem).toContain(`${join(folder, "a.yaml")}:1 Pod UPPER: 2 problems`);
    expect(problem).toContain('metadata.name: expected a name of a-z, 0-9, "-" and ".", found "UPPER"');
    expect(problem).toContain("spec.containers: expected at least one container, found []");
    expect(problem).toContain(`${join(folder, "b.yaml")}:1 NetworkPolicy p: 2 problems`);
    expect(problem).toContain('spec.ingres: unknown key (did you mean "ingress"?)');
    expect(problem).toContain('expected one of "Ingress", "Egress", found "ingress" (did you mean "Ingress"?)');
  });

  it("with line and column of what is no YAML, beside the faults of other files", () => {
    write("a.yaml", "kind: [\n");
    write("b.yaml", "kind: Pod\n");
    expect(problemOf()).toMatch(/a\.yaml: [12] problems?\n {2}line \d column \d/);
    expect(problemOf()).toContain("b.yaml:1: 1 problem\n  apiVersion: expected an apiVersion, found nothing");
  });

  const policy = (spec: string) =>
    `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: p }\nspec: ${spec}\n`;
  const cases: [given: string, text: string, problem: string][] = [
    ["an object without a name", "apiVersion: v1\nkind: Service\n", "metadata:"],
    ["a document that is no object", "- 1\n", "expected"],
    [
      "a policy of a tier that is not enforced yet",
      "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: { name: p }\nspec: {}\n",
      "not enforced yet",
    ],
    [
      "a policy on methods and paths, not enforced yet",
      "apiVersion: outrider.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: { name: p }\nspec: {}\n",
      "not enforced yet",
    ],
    [
      "a peer that is nobody",
      policy("{ ingress: [{ from: [{}] }] }"),
      "expected podSelector, namespaceSelector or ipBlock",
    ],
    [
      "a block beside a selector",
      policy('{ ingress: [{ from: [{ podSelector: {}, ipBlock: { cidr: "1.0.0.0/8" } }] }] }'),
      "expected ipBlock to stand alone",
    ],
    [
      "an address that is no range",
      policy("{ ingress: [{ from: [{ ipBlock: { cidr: 1.2.3.4 } }] }] }"),
      "expected an address range",
    ],
    [
      "an endPort below its port",
      policy("{ ingress: [{ ports: [{ port: 9, endPort: 8 }] }] }"),
      "expected endPort to be no less",
    ],
    [
      "an operator without values",
      policy("{ podSelector: { matchExpressions: [{ key: a, operator: In }] } }"),
      "expected values with In",
    ],
    [
      "a label that is a number",
      "apiVersion: v1\nkind: Namespace\nmetadata: { name: a, labels: { v: 1 } }\n",
      "expected text (put it in quotes)",
    ],
    [
      "a port that is none",
      "apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { ports: [{ port: 70000 }] }\n",
      "expected a port from 1 to 65535",
    ],
    [
      "a file that somebody has only begun to write",
      "\n",
      "x.yaml: 1 problem\n  expected objects, found an empty file",
    ],
    [
      "two pods of one uid, which policies would take for each other",
      `${pod("a").replace("name: a", "name: a, uid: u")}---\n${pod("b").replace("name: b", "name: b, uid: u")}`,
      "Pod with uid u: already defined at manifests/x.yaml:1",
    ],
    [
      "a pod at no address",
      `${pod("a")}status: { podIP: here }\n`,
      'status.podIP: expected an IP address such as "10.0.3.7", found "here"',
    ],
    [
      "a service account that cannot be a name",
      pod("a").replace("spec: {", "spec: { serviceAccountName: a b,"),
      "spec.serviceAccountName: expected a name",
    ],
    [
      "a port's number in quotes",
      policy('{ ingress: [{ ports: [{ port: "80" }] }] }'),
      'spec.ingress[0].ports[0].port: expected a port number or a port\'s name, found "80"',
    ],
    [
      "an exception outside its block",
      policy("{ ingress: [{ from: [{ ipBlock: { cidr: 10.0.0.0/8, except: [11.0.0.0/16] } }] }] }"),
      "spec.ingress[0].from[0].ipBlock: expected each except inside cidr",
    ],
    [
      "an exception wider than its block",
      policy('{ ingress: [{ from: [{ ipBlock: { cidr: "fd00::/64", except: ["fd00::/48"] } }] }] }'),
      "expected each except inside cidr",
    ],
    [
      "a range with a zone",
      policy('{ ingress: [{ from: [{ ipBlock: { cidr: "fe80::1%eth0/64" } }] }] }'),
      "ipBlock.cidr: expected an address range",
    ],
    [
      "a range of IPv4 in IPv6",
      policy('{ ingress: [{ from: [{ ipBlock: { cidr: "::ffff:10.0.0.0/8" } }] }] }'),
      "ipBlock.cidr: expected an address range",
    ],
    ["two objects of one name", `${pod("a")}---\n${pod("a")}`, "Pod default/a: already defined at manifests/x.yaml:1"],
    [
      "aliases without end",
      `a: &a [x,x,x,x,x,x,x,x,x,x]\n${"bcdefgh".replace(
        /./g,
        (c, i) =>
          `${c}: &${c} [${Array(10)
            .fill(`*${"abcdefgh"[i as number]}`)
            .join(",")}]\n`,
      )}`,
      "alias",
    ],
  ];
  it.each(cases)("%s", (_given, text, problem) => {
    write("x.yaml", text);
    expect(problemOf()).toContain(problem);
  });

  it("when it is not there", () => {
    expect(() => readFolder(join(root, "nowhere"))).toThrow(expect.objectContaining({ code: "CLUSTER_FOLDER" }));
  });
});

describe("a watched folder", () => {
  async function nextChange(change: () => void, options = {}): Promise<ClusterObjects> {
    return new Promise((resolve) => {
      watching = watchFolder(folder, options, resolve);
      change();
    });
  }

  it("tells of a change, once, with what it was before", async () => {
    write("a.yaml", pod("a"));
    expect((await nextChange(() => write("b.yaml", pod("b")))).pods).toHaveLength(2);
    expect(watching?.current().pods).toHaveLength(2);
  });

  it("notices by reading again what no file event told", async () => {
    write("a.yaml", pod("a"));
    const changed = nextChange(() => {}, { relistIntervalMs: 20 });
    write("a.yaml", `${pod("a")}---\n${pod("b")}`);
    expect((await changed).pods).toHaveLength(2);
  });

  it("keeps the last good model while it is broken, says so once, and recovers", async () => {
    write("a.yaml", pod("a"));
    const errors: Error[] = [];
    const changed: ClusterObjects[] = [];
    watching = watchFolder(folder, { relistIntervalMs: 5, onError: (e) => errors.push(e) }, (o) => changed.push(o));
    write("a.yaml", "kind: [");
    await until(() => errors.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(errors).toHaveLength(1);
    expect(watching.current().pods).toHaveLength(1);
    expect(watching.lastError()).toMatchObject({ code: "CONFIG_INVALID" });
    write("a.yaml", pod("z"));
    await until(() => changed.length > 0);
    expect(watching.current().pods[0]?.metadata.name).toBe("z");
    expect(watching.lastError()).toBeUndefined();
  });

  it("keeps what a file held while it is written anew", async () => {
    write("a.yaml", pod("a"));
    const errors: Error[] = [];
    const seen: number[] = [];
    watching = watchFolder(folder, { relistIntervalMs: 5, onError: (e) => errors.push(e) }, (o) =>
      seen.push(o.pods.length),
    );
    write("a.yaml", "");
    await until(() => errors.length > 0);
    write("a.yaml", `${pod("a")}---\n${pod("b")}`);
    await until(() => seen.length > 0);
    expect(seen).toEqual([2]);
  });

  it("is watched again when another folder takes its place", async () => {
    write("a.yaml", pod("a"));
    const seen: number[] = [];
    watching = watchFolder(folder, {}, (o) => seen.push(o.pods.length));
    renameSync(folder, `${folder}-away`);
    await until(() => watching?.lastError() !== undefined);
    write("a.yaml", `${pod("a")}---\n${pod("b")}`);
    await until(() => seen.length === 1);
    write("c.yaml", pod("c"));
    await until(() => seen.length === 2);
    expect(seen).toEqual([2, 3]);
  });

  it("is read although events never end", async () => {
    write("a.yaml", pod("a"));
    const changed: ClusterObjects[] = [];
    watching = watchFolder(folder, {}, (o) => changed.push(o));
    write("b.yaml", pod("b"));
    const busy = setInterval(() => write("noise.txt", String(Math.random())), 5);
    await until(() => changed.length > 0);
    clearInterval(busy);
    expect(changed[0]?.pods).toHaveLength(2);
  });

  it("says nothing when a file is touched but nothing is different", async () => {
    write("a.yaml", pod("a"));
    const changed: ClusterObjects[] = [];
    watching = watchFolder(folder, { relistIntervalMs: 5 }, (o) => changed.push(o));
    write("a.yaml", pod("a"));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(changed).toEqual([]);
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
