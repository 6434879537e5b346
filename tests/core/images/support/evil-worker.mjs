// Stands in for the verifying thread and does to itself what its task says.
import { parentPort } from "node:worker_threads";

const deeds = {
  hang: () => {
    for (;;) {}
  },
  crash: () => process.exit(3),
  fault: () =>
    setImmediate(() => {
      throw new Error("not caught anywhere");
    }),
  memory: () => {
    for (const kept = []; ; ) kept.push(new Array(100_000).fill(kept.length));
  },
  silence: () => {},
};

parentPort.on("message", ({ id, artifact, digest, authorities }) => {
  const [word, ...rest] = new TextDecoder().decode(artifact.bytes).split(" ");
  if (deeds[word] !== undefined) return deeds[word]();
  const [{ name, role }] = authorities;
  const value = { signer: name, role, form: "cosign-simple", digest, ...JSON.parse(rest.join(" ") || "{}") };
  parentPort.postMessage({ type: "verified", id, worth: [{ kind: "signature", value }] });
});
parentPort.postMessage({ type: "ready" });
