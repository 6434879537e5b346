import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { type DecisionRecord, openDecisionLog, verifyChain } from "../../admission/record/decision-log.ts";

const folder = mkdtempSync(join(tmpdir(), "outrider-log-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const newFile = () => join(folder, `decisions-${files++}.log`);
const linesOf = (file: string) => readFileSync(file, "utf8").split("\n").slice(0, -1);

const record = (subject: string): DecisionRecord => ({
  at: "2026-11-21T12:00:00.000Z",
  uid: "1",
  door: "validate",
  subject,
  operation: "CREATE",
  user: 'al"ice,"hash":"',
  outcome: "deny",
  images: [{ path: "spec.containers[0].image", image: "a", signers: [], scan: "scan: none" }],
  violations: [{ code: "IMG_UNSIGNED", path: "spec.containers[0].image", rule: "ImagePolicy p", mode: "enforce" }],
});

function write(file: string, count: number): void {
  const log = openDecisionLog(file);
  for (let n = 1; n <= count; n++) log.append(record(`Pod shop/web-${n}`));
  log.close();
}

describe("the decision log", () => {
  it("is a chain that holds, across restarts", () => {
    const file = newFile();
    write(file, 3);
    write(file, 2);
    expect(linesOf(file)).toHaveLength(5);
    expect(verifyChain(linesOf(file))).toBeUndefined();
  });

  it("goes on after a line that a crash cut", () => {
    const file = newFile();
    write(file, 2);
    appendFileSync(file, '{"seq":3,"prev":"');
    write(file, 1);
    expect(verifyChain(linesOf(file))).toBeUndefined();
    expect(linesOf(file)).toHaveLength(3);
  });

  it("is not written on when its last line is no record", () => {
    const file = newFile();
    writeFileSync(file, "something else\n");
    expect(() => openDecisionLog(file)).toThrow("no decision record");
  });
});

describe("a log that was changed", () => {
  const file = newFile();
  write(file, 4);
  const whole = linesOf(file);

  it("breaks at the line, whichever byte of it is another", () => {
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(), fc.integer({ min: 1, max: 127 }), (line, at, by) => {
        const text = whole[line] ?? "";
        const where = at % text.length;
        const changed = String.fromCharCode((text.charCodeAt(where) ^ by) & 0x7f);
        const lines = whole.with(line, text.slice(0, where) + changed + text.slice(where + 1));
        expect(verifyChain(lines)?.line).toBe(line + 1);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ["removed", whole.toSpliced(1, 1), 2],
    ["doubled", whole.toSpliced(1, 0, whole[1] ?? ""), 3],
    ["moved", [whole[0], whole[2], whole[1], whole[3]] as string[], 2],
    ["put before all others", ["{}", ...whole], 1],
  ])("breaks where a record was %s", (_, lines, line) => expect(verifyChain(lines)?.line).toBe(line));

  it("breaks where a record was written anew with a hash of its own, by the one after it", () => {
    const other = newFile();
    const log = openDecisionLog(other);
    log.append(record("Pod shop/somebody-else"));
    log.close();
    expect(verifyChain(whole.with(0, linesOf(other)[0] ?? ""))).toEqual({
      line: 2,
      why: "it does not follow record 1",
    });
  });
});
