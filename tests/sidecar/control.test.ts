import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { get, openSmallMesh } from "../support/small-mesh.ts";

const HOSTILE: readonly [given: string, message: unknown][] = [
  ["nothing", null],
  ["a list", []],
  ["a rule that is no rule", { rules: 7 }],
  ["a thousand levels", JSON.parse(`${"[".repeat(1000)}${"]".repeat(1000)}`)],
];

describe("a sidecar whose stored snapshot is damaged and whose control plane sends nonsense", () => {
  it("refuses everybody, and serves the same callers once a good snapshot comes", async () => {
    const stateDir = mkdtempSync(join(tmpdir(), "outrider-control-"));
    const mesh = await openSmallMesh(["web", "payments"]);
    const web = await mesh.start({ name: "web" });
    const plan = { name: "payments", config: { stateDir } };
    const before = await mesh.start(plan);
    const good = mesh.snapshotOf(before);
    await before.stop();
    writeFileSync(join(stateDir, "snapshot.json"), JSON.stringify({ ...good, mtls: "permissive" }));
    void mesh.publishRaw(before, { nonsense: true });
    const payments = await mesh.start(plan);

    const refused = await get(web.outbound, "payments");
    expect([refused.status, refused.headers["x-outrider-code"]]).toEqual([503, "NO_SNAPSHOT"]);
    for (const [, message] of HOSTILE) void mesh.publishRaw(payments, message);
    expect(await mesh.publishRaw(payments, good)).toMatchObject({ type: "ack", version: good.version });
    expect((await get(web.outbound, "payments")).status).toBe(200);
    await mesh.close();
    rmSync(stateDir, { recursive: true, force: true });
  });
});
