import type { EvidenceSources } from "../../admission/evidence.ts";
import { createDoors } from "../../admission/https/doors.ts";
import type { Verdict } from "../../admission/judge.ts";
import { parseReview } from "../../admission/review.ts";
import type { PlainCall } from "../../cli/demo/registry/registry.ts";
import type { Fault, Reply } from "../../cli/demo/registry/reply.ts";
import { HOUR_MS } from "../../core/base/clock.ts";
import { silentLog } from "../../core/base/log.ts";
import { NO_TRACING } from "../../core/base/tracing.ts";
import { openFactStore } from "../../core/images/cache/fact-store.ts";
import { createTagCache } from "../../core/images/cache/tag-cache.ts";
import { collectImageEvidence, type EvidenceDeps } from "../../core/images/evidence.ts";
import { createEvidenceCache } from "../../core/images/evidence-cache.ts";
import { openTagHistory, type TagHistory } from "../../core/images/registry/tag-history.ts";
import { createRegistryClient } from "../../core/images/registry-client.ts";
import { createVerifierPool } from "../../core/images/workers/pool.ts";
import type { Digest, ScanResult } from "../../core/policy/evidence.ts";
import type { ImagePolicy } from "../../core/policy/images/schema/image-policy-schema.ts";
import { type Random, randomOf, seedFrom } from "../support/registry-of-faults/random.ts";
import { hang, inProcess, reset, SEEDED_FAULTS, seededFaults, status } from "../support/registry-of-faults.ts";
import { tamper } from "./forgery.ts";
import type { Gallery, Truth } from "./gallery.ts";
import { type Asked, MOVING } from "./objects.ts";
import type { OwnScan } from "./oracle.ts";
import { imagesOf, patched, type Review, wordsOf } from "./review.ts";
import { realThreads, simulatedThreads } from "./simulated-threads.ts";
import { START_MS, type VirtualTime } from "./virtual-time.ts";
import { drawWishes, policyOf, type Wish } from "./wishes.ts";

/** The gate, everything it depends on, and the hands that spoil it. */
export interface Stage {
  review(asked: Asked, deadlineMs: number): Promise<Review>;
  /** The image that the tag "moving" names now. */
  moving(): Truth;
  moveTag(): void;
  changeWishes(): void;
  jump(ms: number): void;
  outage(isOn: boolean): void;
  restart(): Promise<void>;
  /** Everything behaves from now on. */
  calm(): void;
  close(): Promise<void>;
}

export interface StageOptions {
  readonly seed: number;
  readonly gallery: Gallery;
  readonly time: VirtualTime;
  readonly folder: string;
  readonly tell: (line: string) => void;
}

/** A copy of the registry, with faults of its own and no outages; how its requests are told apart. */
const MIRROR = "mirror.test";
const AT_MIRROR = "x-at-mirror";
/** Every so many seeds use real threads: they take a hundred times as long. */
const REAL_THREADS_EVERY = 500;

export function openStage(options: StageOptions): Stage {
  const stage = new TheStage(options);
  return stage;
}

class TheStage implements Stage {
  readonly #options: StageOptions;
  readonly #random: Random;
  readonly #ownScans: ReadonlyMap<Digest, OwnScan>;
  readonly #keeps: boolean;
  /** Where there is one, the registry has a mirror. */
  readonly #history: TagHistory | undefined;
  readonly #startThread: ReturnType<typeof simulatedThreads>;
  #isCalm = false;
  #out: Fault | undefined;
  #liars: Random | undefined;
  #offsetMs = 0;
  #wishes: readonly Wish[];
  #policies: readonly ImagePolicy[];
  #moving: Truth;
  #running: Running;

  constructor(options: StageOptions) {
    const { seed, gallery, time, tell } = options;
    this.#options = options;
    this.#random = randomOf(seedFrom(seed, "the stage"));
    this.#wishes = drawWishes(this.#random, gallery);
    this.#policies = this.#wishes.map((wish) => policyOf(wish, gallery));
    this.#moving = this.#drawMoving();
    this.#ownScans = this.#drawOwnScans();
    this.#keeps = this.#random.chance(0.4);
    this.#history = this.#random.chance(0.3) ? openTagHistory(":memory:", { clock: () => this.#clock() }) : undefined;
    const threadRate = this.#random.pick([0, 0.02, 0.1]);
    const rate = () => (this.#isCalm ? 0 : threadRate);
    this.#startThread =
      seed % REAL_THREADS_EVERY === REAL_THREADS_EVERY - 1
        ? realThreads(time, 1 + this.#random.nat(6), tell)
        : simulatedThreads({ seed, rate }, tell);
    this.#injectFaults();
    this.#running = this.#start();
  }

  moving(): Truth {
    return this.#moving;
  }

  moveTag(): void {
    this.#moving = this.#drawMoving();
    this.#options.tell(`the tag moves to an image ${this.#moving.what}`);
  }

  changeWishes(): void {
    this.#wishes = drawWishes(this.#random, this.#options.gallery);
    this.#policies = this.#wishes.map((wish) => policyOf(wish, this.#options.gallery));
    this.#options.tell("other policies are in force");
  }

  jump(ms: number): void {
    this.#offsetMs += ms;
    this.#options.tell(`the clock jumps by ${ms} ms`);
  }

  outage(isOn: boolean): void {
    this.#out = isOn ? this.#random.pick([reset(), hang(), status(503), status(500)]) : undefined;
    if (isOn) this.#options.tell("the registry is down");
  }

  async restart(): Promise<void> {
    await this.#running.close();
    if (this.#keeps && this.#random.chance(0.3)) {
      const { folder, gallery, tell } = this.#options;
      tell(tamper(folder, this.#random, gallery, this.#policies, this.#clock()));
    }
    this.#running = this.#start();
    this.#options.tell("the gate restarts");
  }

  calm(): void {
    this.#isCalm = true;
    this.#offsetMs = 0;
    this.#out = undefined;
    this.#options.tell("all is calm");
  }

  async close(): Promise<void> {
    this.#options.gallery.registry.calm();
    await this.#running.close();
    await this.#history?.close();
  }

  async review(asked: Asked, deadlineMs: number): Promise<Review> {
    const { time } = this.#options;
    const [wishes, policies] = [this.#wishes, this.#policies];
    const startedMs = time.elapsedMs;
    const firstMs = this.#clock();
    const through = (door: "validate" | "mutate", object: unknown) =>
      this.#through(door, { ...asked.request, object }, policies, deadlineMs);
    let { object } = asked.request;
    if (asked.mutated) object = patched(object, (await through("mutate", object)).response);
    const { response, verdict } = await through("validate", object);
    const circumstances = { wishes, clockMs: [firstMs, this.#clock()], ownScans: this.#ownScans } as const;
    return {
      allowed: response.allowed,
      tookMs: time.elapsedMs - startedMs,
      doors: asked.mutated ? 2 : 1,
      words: wordsOf(verdict),
      images: imagesOf(verdict),
      circumstances,
    };
  }

  /** As the HTTPS server does after it has read a review. */
  async #through(door: "validate" | "mutate", request: object, policies: readonly ImagePolicy[], deadlineMs: number) {
    const heard: { verdict?: Verdict } = {};
    const gate = {
      policies: () => policies,
      namespaceLabels: () => ({}),
      sources: this.#running.sources,
      clock: () => this.#clock(),
    };
    const witnesses = {
      log: silentLog,
      tracing: NO_TRACING,
      decisions: { append: () => {} },
      events: { emit: () => {} },
      metrics: {
        reviewed: (_door: unknown, verdict: Verdict) => {
          heard.verdict = verdict;
        },
      },
    };
    const doors = createDoors({ gate, witnesses } as unknown as Parameters<typeof createDoors>[0]);
    const review = parseReview(JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request }));
    const response = await doors[door](review, AbortSignal.timeout(deadlineMs));
    return { response, verdict: heard.verdict };
  }

  #clock(): number {
    return this.#options.time.nowMs() + this.#offsetMs;
  }

  #injectFaults(): void {
    const { seed, gallery, tell } = this.#options;
    const rate = this.#random.pick([0, 0.03, 0.1, 0.3]);
    const seeded = seededFaults(seed, { rate, longestDelayMs: this.#random.pick([3, 3000, 15_000]), kinds: KINDS });
    let told = 0;
    this.#liars = rate > 0 ? randomOf(seedFrom(seed, "lies about indexes")) : undefined;
    gallery.registry.calm();
    gallery.registry.inject(async (exchange) => {
      const reply = this.#moved(exchange.url) ?? exchange.reply;
      if (this.#isCalm) return reply;
      const lie = this.#indexLie(exchange.url, reply);
      if (lie !== undefined) return lie;
      const out = exchange.headers[AT_MIRROR] === undefined ? this.#out : undefined;
      const spoilt = (await out?.({ ...exchange, reply })) ?? (await seeded.fault({ ...exchange, reply }));
      for (; told < seeded.applied.length; told++) tell(seeded.applied[told] ?? "");
      return spoilt ?? reply;
    });
  }

  /** The index asked for, with the content of one whose children are signed. */
  #indexLie(url: string, reply: Reply): Reply | undefined {
    const { store } = this.#options.gallery.registry;
    const [, repository = "", digest] = /^\/v2\/(.+)\/manifests\/(sha256:[0-9a-f]{64})$/.exec(url) ?? [];
    if (this.#liars === undefined || !this.#options.gallery.of(digest as Digest)?.what.startsWith("an index"))
      return undefined;
    if (!this.#liars.chance(0.2)) return undefined;
    const better = this.#options.gallery.images.find(
      (one) => one.repository === repository && one.what === "an index whose children are signed",
    );
    const manifest = better && store.manifest(repository, better.digest);
    if (manifest === undefined) return undefined;
    this.#options.tell("an index with the content of another");
    return { ...reply, headers: { ...reply.headers, "docker-content-digest": String(digest) }, body: manifest.bytes };
  }

  /** What the registry says of the tag that moves. */
  #moved(url: string): Reply | undefined {
    if (!url.endsWith(`/${MOVING}/manifests/moving`)) return undefined;
    const manifest = this.#options.gallery.registry.store.manifest(MOVING, this.#moving.digest);
    if (manifest === undefined) return undefined;
    const headers = { "content-type": manifest.mediaType, "docker-content-digest": manifest.digest };
    return { status: 200, headers, body: manifest.bytes };
  }

  #start(): Running {
    const { gallery, folder } = this.#options;
    const { registry } = gallery;
    const clock = () => this.#clock();
    const store = this.#keeps ? openFactStore(folder) : undefined;
    const mirror = {
      answer: (call: PlainCall) => registry.answer({ ...call, headers: { ...call.headers, [AT_MIRROR]: "1" } }),
    };
    const history = this.#history;
    const mirrored = history === undefined ? {} : { mirrors: [MIRROR], tagsFromMirrors: true };
    const client = createRegistryClient({
      registries: [{ host: registry.host, plainHttp: true, ...mirrored }],
      ...(history === undefined ? {} : { history }),
      transport: inProcess({ [registry.host]: registry, [MIRROR]: mirror }),
      sleep: (ms) => this.#options.time.sleep(ms),
      clock,
    });
    const verifier = createVerifierPool({ threads: 2, startThread: this.#startThread });
    const cache = createEvidenceCache({
      clock,
      maxBytes: this.#random.pick([3000, 1_000_000]),
      ...(store === undefined ? {} : { store }),
    });
    const deps: EvidenceDeps = {
      registry: client,
      verifier,
      cache,
      tags: createTagCache({ clock }),
      ownScan: (digest) => this.#ownScan(digest),
    };
    const images = {
      collect: (...asked: CollectArguments) => collectImageEvidence(asked[0], asked[1], deps, asked[2]),
    };
    const rego = { run: async () => [] };
    return {
      sources: { images, rego },
      close: async () => {
        await Promise.all([client.close(), verifier.close()]);
        await store?.close();
      },
    };
  }

  async #ownScan(digest: Digest): Promise<ScanResult | undefined> {
    const roll = this.#isCalm ? 1 : this.#random.nat(100) / 100;
    if (roll < 0.03) throw new Error("the scan store cannot be read");
    if (roll < 0.05) return new Promise(() => {});
    const own = this.#ownScans.get(digest);
    if (own === undefined) return undefined;
    const { finishedAtMs, worst } = own;
    const findings = worst === undefined ? [] : [{ id: "CVE-2026-2", severity: worst, package: "pkg:x" }];
    return { digest, source: "trivy 0.1", finishedAtMs, findings };
  }

  #drawOwnScans(): ReadonlyMap<Digest, OwnScan> {
    if (this.#random.chance(0.7)) return new Map();
    const scan = (): OwnScan => {
      const finishedAtMs = START_MS - this.#random.nat(300) * HOUR_MS;
      return this.#random.chance(0.3) ? { finishedAtMs, worst: "critical" } : { finishedAtMs };
    };
    return new Map(
      this.#options.gallery.images.filter(() => this.#random.chance(0.3)).map(({ digest }) => [digest, scan()]),
    );
  }

  #drawMoving(): Truth {
    return this.#random.pick(this.#options.gallery.images.filter(({ repository }) => repository === MOVING));
  }
}

type CollectArguments = Parameters<EvidenceSources["images"]["collect"]>;

interface Running {
  readonly sources: EvidenceSources;
  close(): Promise<void>;
}

/** Everything a registry can do but what only takes our own time. */
const KINDS = Object.keys(SEEDED_FAULTS).filter((name) => !["json bomb", "huge headers"].includes(name));
