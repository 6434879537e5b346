import type { ProbeTarget } from "../../core/wire/probe-table.ts";
import { PROBE_LONGEST_MS } from "../limits.ts";
import { probeGrpc } from "./grpc-probe.ts";
import { probeHttp } from "./http-probe.ts";
import type { Application, Probed } from "./probed.ts";
import { probeTcp } from "./tcp-probe.ts";

/** What a probe that got no answer is reported as. */
const UNANSWERED = 503;

/**
 * Makes one probe as the kubelet would, in the pod's own network. Runs once per period and probe; ends by its own
 * time-out, and never throws.
 *
 * @param closing  ends it early
 */
export async function makeProbe(target: ProbeTarget, app: Application, closing: AbortSignal): Promise<Probed> {
  const deadlineMs = Math.min(target.timeoutSeconds * 1000, PROBE_LONGEST_MS);
  const signal = AbortSignal.any([closing, AbortSignal.timeout(deadlineMs)]);
  try {
    return await dispatch(target, app, signal);
  } catch (thrown) {
    const text = signal.aborted ? `no answer within ${deadlineMs / 1000} s` : reasonOf(thrown);
    return { status: UNANSWERED, text, answered: false };
  }
}

function dispatch(target: ProbeTarget, app: Application, signal: AbortSignal): Promise<Probed> {
  if (target.httpGet !== undefined) return probeHttp(target.httpGet, target.port, app, signal);
  if (target.grpc !== undefined) return probeGrpc(target.grpc.service ?? "", app.dial(target.port), signal);
  return probeTcp(app.dial(target.port), signal);
}

/** The system's or protocol's code where there is one: "ECONNREFUSED"; an application's own words stay with it. */
function reasonOf(thrown: unknown): string {
  const { code } = thrown as { code?: unknown };
  return typeof code === "string" ? code : "no usable answer";
}
