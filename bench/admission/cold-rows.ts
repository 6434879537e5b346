import { pushImage } from "../../cli/demo/registry/registry.ts";
import { attachReferrer } from "../../cli/demo/signing/bundle.ts";
import { attestVuln } from "../../cli/demo/signing/signing.ts";
import { statementAbout } from "../../cli/demo/signing/statement.ts";
import { COSIGN_SIGN_PREDICATE } from "../../core/images/media-types.ts";
import { createSigstore } from "../../tests/support/sigstore/authority.ts";
import { oneByOne } from "../suite/https-load.ts";
import { median, type Row } from "../suite/row.ts";
import { podReview } from "./reviews.ts";
import { fullPolicy, type Stage } from "./stage.ts";

const COLD_IMAGES = 60;
/** The first look-ups load code and open connections, once for all. */
const WARM_IMAGES = 15;
const IMAGES_PER_BLOCK = 15;
const IDENTITY = { issuer: "https://accounts.test", subject: "https://ci.test/acme/release@refs/heads/main" };

/** Images that the gate has never seen, one after the other: everything is fetched and verified within the review. */
export const COLD_ROWS: readonly Row<Stage>[] = [
  {
    path: "cold keyed verification: p50",
    unit: "ms",
    bar: { sense: "at most", limit: 15 },
    measure: async (stage) => {
      const push = async (index: number) => (await stage.pushSigned(`keyed-${index}`)).pinned;
      return cold(stage, push, fullPolicy(stage), []);
    },
  },
  {
    path: "cold keyless verification: p50",
    unit: "ms",
    bar: { sense: "at most", limit: 40 },
    measure: async (stage) => {
      const sigstore = createSigstore();
      const trustRoot = {
        apiVersion: "outrider.dev/v1alpha1",
        kind: "TrustRoot",
        metadata: { name: "bench" },
        spec: { sigstore: { trustedRoot: sigstore.trustedRoot() } },
      };
      const policy = fullPolicy(stage);
      const [, scanner] = policy.authorities;
      const release = { name: "acme-release", role: "release", keyless: { ...IDENTITY, trustRoot: "bench" } };
      const push = (index: number) => pushKeyless(stage, sigstore, index);
      return cold(stage, push, { ...policy, authorities: [release, scanner] }, [trustRoot]);
    },
  },
];

async function cold(stage: Stage, push: (index: number) => Promise<string>, policy: object, more: readonly object[]) {
  const bodies: string[] = [];
  for (let index = 0; index < COLD_IMAGES; index++) bodies.push(podReview([await push(index)]));
  const gate = await stage.startGate(policy, more);
  const { latenciesMs } = await oneByOne(gate.target("/validate", bodies));
  await gate.stop();
  const note = `whole answer over HTTPS with a signature and a scan to verify, ${COLD_IMAGES} images, loopback registry`;
  const blocks = (COLD_IMAGES - WARM_IMAGES) / IMAGES_PER_BLOCK;
  const blockOf = (block: number) =>
    latenciesMs.slice(WARM_IMAGES + block * IMAGES_PER_BLOCK).slice(0, IMAGES_PER_BLOCK);
  return { ours: Array.from({ length: blocks }, (_, block) => median(blockOf(block))), note };
}

/** Signed by a certificate that is in a transparency log, with a keyed scan beside it. */
async function pushKeyless(stage: Stage, sigstore: ReturnType<typeof createSigstore>, index: number): Promise<string> {
  const target = { host: stage.registryHost };
  const name = `keyless-${index}`;
  const image = await pushImage(target, { repository: `shop/${name}`, tag: "1.0.0", files: { "/etc/name": name } });
  const bundle = sigstore.bundle(sigstore.issue(IDENTITY), statementAbout(image.digest, COSIGN_SIGN_PREDICATE, {}));
  await attachReferrer(target, image, Buffer.from(JSON.stringify(bundle)), {});
  await attestVuln(target, image, stage.scanner, { finishedAtMs: Date.now() - 3_600_000, findings: [] });
  return image.pinned;
}
