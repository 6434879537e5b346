import { HOUR_MS, SECOND_MS } from "../core/base/clock.ts";

/** Every bound of the data path, in one place: what a peer may hold, how long, how much. */

/** Open connections each direction takes, so that strangers at the inbound port never starve our own application. */
export const CONNECTION_LIMIT = 4096;
/** Requests in flight at one upstream endpoint; further ones are answered 503. */
export const PENDING_LIMIT_PER_ENDPOINT = 1024;
/** Idle connections kept per endpoint and identity. */
export const POOL_IDLE_LIMIT = 64;
/** Idle connections to peers, in milliseconds; shorter than their own KEEP_ALIVE_MS so that we close first. */
export const LINK_IDLE_MS = 30 * SECOND_MS;
/** Idle connections to the application; shorter than the 5 s of Node's own server, the shortest in wide use. */
export const APP_IDLE_MS = 4 * SECOND_MS;

/** First byte of a connection. */
export const DETECT_MS = 10 * SECOND_MS;
/** A TLS handshake, either side. */
export const HANDSHAKE_MS = 10 * SECOND_MS;
/** From the first byte of a request head to its last. */
export const HEAD_MS = 10 * SECOND_MS;
/** Between requests of a kept-open client connection. */
export const KEEP_ALIVE_MS = 75 * SECOND_MS;
/** No byte of a body for so long, while somebody waits for it. */
export const STALL_MS = 60 * SECOND_MS;
/** A TCP connect. */
export const CONNECT_MS = 5 * SECOND_MS;
/** From the last byte of a request to the first of its response. */
export const RESPONSE_MS = 60 * SECOND_MS;
/** After a refusal with unread request bytes: how long and how much is read and thrown away before the reset. */
export const LINGER_MS = 1 * SECOND_MS;
export const LINGER_LIMIT_BYTES = 256 * 1024;

/** An mTLS connection ends at the latest then, jittered by a quarter, so that its peer is identified anew. */
export const CONNECTION_AGE_MS = HOUR_MS;
/** How often deadlines are looked at. */
export const SWEEP_MS = 250;

/** Bytes held for a client that pipelines while its request is in flight, before its socket is paused. */
export const PIPELINE_LIMIT_BYTES = 256 * 1024;

/** Interim (1xx) responses to one request; further ones are an attack on whoever waits for the final one. */
export const INTERIM_LIMIT = 64;

/** Reconnecting to the control plane: first wait, longest wait; each wait is jittered. */
export const CONTROL_BACKOFF_FIRST_MS = 200;
export const CONTROL_BACKOFF_LONGEST_MS = 30 * SECOND_MS;
/** How long start-up waits for a first snapshot before it serves without one (readyz stays 503). */
export const CONTROL_CONNECT_MS = 5 * SECOND_MS;

/** Endpoint that failed to connect: left out so long when others are there; doubled up to the longest. */
export const EJECT_FIRST_MS = 1 * SECOND_MS;
export const EJECT_LONGEST_MS = 30 * SECOND_MS;
/** Time constant of the latency average. */
export const EWMA_MS = 10 * SECOND_MS;

/** Endpoints tried for one request while nothing of it was sent. */
export const DIAL_ATTEMPTS = 3;

/** Access log: bytes per second; lines beyond it are counted. */
export const ACCESS_LOG_BYTES_PER_SECOND = 64 * 1024;

/** Telemetry: characters of a path that are looked at and kept; distinct label values, then "other"; spans and series held. */
export const PATH_SHOWN_LIMIT = 1024;
export const ROUTE_LIMIT = 64;
export const PEER_LIMIT = 256;
export const SERIES_LIMIT = 4096;
export const DURATION_SERIES_LIMIT = 512;
export const SPAN_QUEUE_LIMIT = 4096;
export const SPANS_PER_EXPORT = 1024;
export const EXPORT_TIMEOUT_MS = 5 * SECOND_MS;

/** Admin: longest request body. */
export const ADMIN_BODY_LIMIT_BYTES = 64 * 1024;

/** Probes: open connections at the port that the kubelet asks, and of them from one address, so that a stranger who opens
 * many does not shut the kubelet out; time for a request's head; longest head. */
export const PROBE_CONNECTION_LIMIT = 256;
export const PROBE_CONNECTION_LIMIT_PER_ADDRESS = 32;
export const PROBE_HEAD_MS = 2 * SECOND_MS;
export const PROBE_HEAD_LIMIT_BYTES = 8 * 1024;
/** Longest time for one probe of the application, whatever its own time-out. */
export const PROBE_LONGEST_MS = 5 * 60 * SECOND_MS;
/** How much of an answer is read, and how many redirects are followed, as the kubelet does. */
export const PROBE_ANSWER_LIMIT_BYTES = 10 * 1024;
export const PROBE_REDIRECT_LIMIT = 10;

/** Draining: how long at most by default, how long idle connections may still bring a request, how often looked at. */
export const DRAIN_DEFAULT_MS = 8 * SECOND_MS;
export const DRAIN_QUIET_MS = 500;
export const DRAIN_POLL_MS = 20;
