import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Answer } from "../../../../admission/https/doors.ts";
import { createServing } from "../../../../admission/https/tls.ts";
import { createMetrics } from "../../../../admission/record/observe.ts";
import { REVIEW_LIMIT_BYTES } from "../../../../admission/review.ts";
import { type ReviewServerOptions, startReviewServer } from "../../../../admission/server.ts";
import { systemClock } from "../../../../core/base/clock.ts";
import { silentLog } from "../../../../core/base/log.ts";
import { createCaller, type RawAnswer, type RawCall, sendBytes } from "../raw-calls.ts";
import { pod, requestFor } from "../webhook.ts";
import { IMAGE, said } from "./door.ts";

const REVIEW = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: requestFor(pod(IMAGE)) };
const NEVER: Answer = () => new Promise(() => {});

/** A webhook's listener with doors that never answer: what it refuses, it refuses by itself. */
export function openReviewDenials() {
  const folder = mkdtempSync(join(tmpdir(), "outrider-denials-"));
  const caFile = join(folder, "ca.pem");
  const where = { stateDir: join(folder, "state"), caFile, serverNames: ["127.0.0.1"] };
  const serving = createServing({ ...where, clock: systemClock, log: silentLog }, () => {});
  const listening = async <T>(more: Partial<ReviewServerOptions>, use: (url: string) => Promise<T>): Promise<T> => {
    const server = await startReviewServer({
      listen: { host: "127.0.0.1", port: 0 },
      certificate: serving.current(),
      doors: { validate: NEVER, mutate: NEVER },
      metrics: createMetrics(() => 0),
      notReady: () => [],
      ...more,
    });
    try {
      return await use(`https://${server.address}`);
    } finally {
      await server.close();
    }
  };
  const called =
    (raw: RawCall, more: Partial<ReviewServerOptions> = {}) =>
    () =>
      listening(more, async (url) => {
        const caller = createCaller({ folder, url });
        const answer = await caller.call(raw);
        await caller.close();
        return shown(answer);
      });
  const body = JSON.stringify(REVIEW);
  const late =
    "POST /validate?timeout=600ms HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
  return {
    denials: {
      REVIEW_MALFORMED: called({ path: "/validate", body: JSON.stringify({ ...REVIEW, kind: "Pod" }) }),
      REVIEW_NO_DOOR: called({ path: "/admit", body }),
      REVIEW_SLOW: () => listening({}, async (url) => shown(await sendBytes({ folder, url }, late))),
      REVIEW_TOO_LARGE: called({ path: "/validate", body: body.padEnd(REVIEW_LIMIT_BYTES + 1) }),
      REVIEW_BUSY: called({ path: "/validate", body }, { reviewsLimit: 0 }),
      REVIEW_CALLER_UNKNOWN: called({ path: "/validate", body }, { callers: { clientCa: caFile } }),
      NAMESPACE_UNKNOWN: () => said({ object: pod(IMAGE), labels: () => undefined }),
    },
    close: () => {
      serving.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A refusal by a coded error, or by a review. */
function shown({ status, text }: RawAnswer): string {
  const json = JSON.parse(text) as Record<string, unknown>;
  if (status !== 200) return `HTTP ${status}\n${json["code"]}: ${json["message"]}\nfix: ${json["fix"]}`;
  return (json["response"] as { status: { message: string } }).status.message;
}
