import { connect } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { describeWith } from "../support/parts.ts";
import { type Balancer, startBalancer } from "./support/balancer.ts";
import { type Gate, registered } from "./support/gate.ts";
import { type GatedCluster, openGatedCluster, shopPolicy, soon } from "./support/gated-cluster.ts";
import { eventually, ownFolder } from "./support/program.ts";
import { streamOfPods, surprises } from "./support/stream.ts";

const TEST_MS = 120_000;
/** Creations before, between and after what is done to the gate. */
const SOME = 20;

describeWith(["etcd", "kube-apiserver", "kubectl"], "a stream of Pods at a real API server", (programs) => {
  const folder = ownFolder();
  let gated: GatedCluster;
  let gates: Gate[] = [];

  beforeAll(async () => {
    gated = await openGatedCluster(programs, folder.path);
    await gated.policy("production", shopPolicy(gated.shop));
  }, TEST_MS);
  afterEach(async () => {
    for (const gate of gates) await gate.stop();
    gates = [];
    const path = "/apis/admissionregistration.k8s.io/v1";
    for (const kind of ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"])
      await gated.cluster.api.ask({ method: "DELETE", path: `${path}/${kind}/outrider` });
  });
  afterAll(async () => {
    await gated?.stop();
    folder.remove();
  });

  const start = async (...started: Gate[]) => {
    gates = started;
    await Promise.all(started.map((gate) => gate.start()));
    await registered(gated.cluster, ["production"]);
  };
  const more = async (stream: { count(): number }) => {
    const until = stream.count() + SOME;
    await eventually("more Pods to be created", 30_000, () => stream.count() >= until || undefined);
  };
  const storedPods = async () => {
    const path = "/api/v1/namespaces/shop/pods";
    const { items } = await gated.cluster.api.ask<{ items: { metadata: { name: string } }[] }>({ path });
    return items.map(({ metadata }) => metadata.name);
  };

  describe("through two replicas behind one address", () => {
    let balancer: Balancer;
    const pair = async (settings: object) => {
      balancer = await startBalancer();
      const url = `https://${balancer.host}:${balancer.port}`;
      const options = { url, more: { drain: "1s", ...settings } };
      const two = [gated.gate("one", options), gated.gate("two", options)];
      balancer.use(two);
      await start(...two);
      return two;
    };
    afterEach(() => balancer.close());

    it(
      "loses none while each is restarted in turn",
      async () => {
        const two = await pair({});
        const stream = streamOfPods(gated, "turn");
        await more(stream);
        for (const gate of [...two, ...two]) {
          await gate.stop();
          await more(stream);
          await gate.start();
          await more(stream);
        }
        expect(surprises(await stream.stop())).toEqual([]);
        for (const gate of two) expect(gate.decisions().length).toBeGreaterThan(SOME);
      },
      TEST_MS,
    );

    it(
      "loses none while the anchor and the serving certificates are replaced",
      async () => {
        const two = await pair({ tls: shortLives });
        const stream = streamOfPods(gated, "rotate");
        await more(stream);
        const before = await Promise.all(two.map(issuerOf));
        expect(new Set(before).size).toBe(1);
        await annotate(gated, "outrider.dev/rotate", "now");
        await soon("both replicas to serve from the new anchor", async () => {
          const now = await Promise.all(two.map(issuerOf));
          return new Set(now).size === 1 && now[0] !== before[0];
        });
        await more(stream);
        expect(surprises(await stream.stop())).toEqual([]);
        expect(await anchorsTrusted(gated)).toEqual([2, 2]);
      },
      TEST_MS,
    );
  });

  it(
    "through one replica that is killed: each is judged or fails at its author, and none is stored unchecked",
    async () => {
      const gate = gated.gate("alone");
      await start(gate);
      const stream = streamOfPods(gated, "kill");
      for (let round = 0; round < 2; round++) {
        await more(stream);
        await gate.kill();
        await more(stream);
        await gate.start();
      }
      await more(stream);
      const attempts = await stream.stop();
      const odd = surprises(attempts).filter(({ said }) => !said.includes("failed calling webhook"));
      expect(odd).toEqual([]);
      expect(surprises(attempts).length).toBeGreaterThan(0);
      const admitted = new Set(
        gate
          .decisions()
          .flatMap(({ outcome, door, subject }) => (outcome === "allow" && door === "validate" ? [subject] : [])),
      );
      const stored = (await storedPods()).filter((name) => name.startsWith("kill-"));
      expect(stored.length).toBeGreaterThan(SOME);
      expect(stored.filter((name) => !admitted.has(`Pod shop/${name}`))).toEqual([]);
      const refused = attempts.filter(({ said }) => said !== "(stored)").map(({ name }) => name);
      expect(stored.filter((name) => refused.includes(name))).toEqual([]);
    },
    TEST_MS,
  );

  const shortLives = { servingLife: "6s", caLife: "1h", caOverlap: "2s" };
});

async function annotate({ cluster: { api } }: GatedCluster, name: string, value: string): Promise<void> {
  const path = "/api/v1/namespaces/outrider-system/secrets/outrider-webhook-ca";
  const body = { metadata: { annotations: { [name]: value } } };
  await api.ask({ method: "PATCH", path, body, contentType: "application/merge-patch+json" });
}

/** Whose certificate a replica serves to a new connection. */
function issuerOf({ host, port }: Gate): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().issuer.CN as string);
      socket.end();
    }).on("error", reject);
  });
}

/** How many anchors each webhook configuration trusts. */
async function anchorsTrusted({ cluster: { api } }: GatedCluster): Promise<number[]> {
  const kinds = ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"];
  return Promise.all(
    kinds.map(async (kind) => {
      type Configuration = { webhooks: { clientConfig: { caBundle: string } }[] };
      const path = `/apis/admissionregistration.k8s.io/v1/${kind}/outrider`;
      const { webhooks } = await api.ask<Configuration>({ path });
      const bundle = Buffer.from(webhooks[0]?.clientConfig.caBundle ?? "", "base64").toString();
      return bundle.split("BEGIN CERTIFICATE").length - 1;
    }),
  );
}
