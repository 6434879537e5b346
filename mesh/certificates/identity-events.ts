import type { CodedError } from "../../core/base/errors.ts";
import type { OutriderEvent } from "../../core/events/event.ts";

/** The authority's root was replaced; both are trusted through the overlap. */
export function rootRotated(trustDomain: string, anchors: number, atMs: number): OutriderEvent {
  return {
    kind: "lifecycle",
    atMs,
    from: "mesh",
    subject: `trust domain ${trustDomain}`,
    outcome: "rotated",
    message: `trust bundle of ${trustDomain} changed: ${anchors} anchors live`,
    severity: "info",
    attributes: { anchors: String(anchors) },
  };
}

/** Somebody asked for a certificate and did not get one. */
export function certificateRefused(error: CodedError, address: string, atMs: number): OutriderEvent {
  return {
    kind: "decision",
    atMs,
    from: "mesh",
    subject: `certificate request from ${address}`,
    outcome: "refused",
    message: `${error.code}: ${error.message}`,
    severity: "warn",
    attributes: { code: error.code, address },
  };
}
