import { DAY_MS, MINUTE_MS } from "../../core/base/clock.ts";

/** Lives of what the webhook serves with, unless configured: of a certificate, of an anchor, and of a new anchor before it signs. */
export const SERVING_LIFE_MS = 30 * DAY_MS;
export const ANCHOR_LIFE_MS = 365 * DAY_MS;
export const ANCHOR_OVERLAP_MS = 10 * MINUTE_MS;
