import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../core/base/clock.ts";
import type { Digest } from "../../core/policy/evidence.ts";
import { type Random, randomOf, seedFrom } from "../support/registry-of-faults/random.ts";
import type { Gallery, Truth } from "./gallery.ts";
import { type Asked, drawObject, type Named } from "./objects.ts";
import { type Circumstances, mayRun, mustRun } from "./oracle.ts";
import type { Review } from "./review.ts";
import { openStage, type Stage } from "./stage.ts";
import { VirtualTime } from "./virtual-time.ts";

/** One run of one seed. */
export interface SeedRun {
  readonly seed: number;
  /** What went wrong; a run without any is good. */
  readonly problems: readonly string[];
  /** What happened, in order: the same for the same seed, always. */
  readonly log: readonly string[];
  readonly counts: SeedCounts;
}

export interface SeedCounts {
  readonly reviews: number;
  readonly allowed: number;
  /** Reviews that had to be allowed, and were. */
  readonly due: number;
}

export interface SeedOptions {
  /** An empty folder that this run may fill. */
  readonly folder: string;
}

/**
 * So long everything is well before what must be allowed is asked for: a registry is left alone for five minutes at most,
 * and for as much longer as the clock was set back meanwhile, which is no more than that again.
 */
const CALM_MS = 11 * MINUTE_MS;
/** A client's pause before it asks again: longer than anything not found is believed. */
const RETRY_MS = 6 * SECOND_MS;
/** The registry's answers, threads and reviews may end on the same millisecond as a deadline. */
const DEADLINE_SLACK_MS = 1;

/**
 * One play: reviews of random objects by random policies, while the registry lies and fails, threads die, the clock
 * jumps, the gate restarts and its files are tampered with. Then all is calm, and the same objects are asked for again.
 *
 * Checked are: nothing is allowed that may not run; every answer is in time; in the calm everything that must be
 * allowed is, nothing else, and a tag means what it means now.
 */
export async function runSeed(seed: number, gallery: Gallery, { folder }: SeedOptions): Promise<SeedRun> {
  const time = new VirtualTime();
  const play = new Play(seed, gallery, time, folder);
  try {
    await time.run(() => play.run());
  } catch (thrown) {
    play.problems.push(`the run itself failed: ${String((thrown as Error).stack)}`);
  }
  return { seed, problems: play.problems, log: play.log, counts: play.counts };
}

class Play {
  readonly log: string[] = [];
  readonly problems: string[] = [];
  readonly counts = { reviews: 0, allowed: 0, due: 0 };
  readonly #random: Random;
  readonly #gallery: Gallery;
  readonly #time: VirtualTime;
  readonly #stage: Stage;

  constructor(seed: number, gallery: Gallery, time: VirtualTime, folder: string) {
    this.#random = randomOf(seedFrom(seed, "the play"));
    this.#gallery = gallery;
    this.#time = time;
    const tell = (line: string) => this.log.push(`${(time.elapsedMs / 1000).toFixed(3)} ${line}`);
    this.#stage = openStage({ seed, gallery, time, folder, tell });
  }

  async run(): Promise<void> {
    const asked: Asked[] = [];
    for (let act = 1 + this.#random.nat(4); act > 0; act--) {
      await this.#interlude();
      const again = asked.length > 0 && this.#random.chance(0.4);
      const objects = again ? [this.#random.pick(asked)] : [drawObject(this.#random, this.#gallery)];
      if (this.#random.chance(0.2))
        objects.push(this.#random.pick([...asked, drawObject(this.#random, this.#gallery)]));
      await Promise.all(objects.map((one) => this.#ask(one, "storm")));
      asked.push(...objects.filter((one) => !asked.includes(one)));
    }
    this.#stage.calm();
    await this.#time.sleep(CALM_MS);
    for (const one of asked) await this.#askCalmly(one);
    await this.#stage.close();
  }

  /** What may happen between two reviews. */
  async #interlude(): Promise<void> {
    const random = this.#random;
    if (random.chance(0.5)) await this.#time.sleep(random.nat(random.pick([SECOND_MS, 10 * SECOND_MS, 2 * MINUTE_MS])));
    if (random.chance(0.2))
      this.#stage.jump(random.pick([-HOUR_MS, -1, MINUTE_MS, 2 * HOUR_MS, 2 * DAY_MS, -3 * DAY_MS, 8 * DAY_MS]));
    if (random.chance(0.2)) this.#stage.moveTag();
    if (random.chance(0.15)) this.#stage.changeWishes();
    if (random.chance(0.2)) await this.#stage.restart();
    this.#stage.outage(random.chance(0.15));
  }

  /** Twice where it must not be refused and is: after an outage one request goes alone to see whether it is over. */
  async #askCalmly(asked: Asked): Promise<void> {
    const first = await this.#ask(asked, "calm");
    if (first === "as it must be") return;
    await this.#time.sleep(RETRY_MS);
    if ((await this.#ask(asked, "calm")) === "refused") this.problems.push(`wrongly refused: ${describe(asked)}`);
  }

  async #ask(asked: Asked, weather: "calm" | "storm"): Promise<"as it must be" | "refused"> {
    const deadlineMs = weather === "calm" ? 9500 : this.#random.pick([100, 500, 2500, 9500, 9500]);
    const review = await this.#stage.review(asked, deadlineMs);
    this.counts.reviews++;
    if (review.allowed) this.counts.allowed++;
    this.log.push(`${asked.what} ${review.allowed ? "allowed" : "refused"} after ${review.tookMs} ms: ${review.words}`);
    const complain = (what: string) =>
      void this.problems.push(`${what}: ${asked.what} of ${describe(asked)} (${review.words})`);
    if (review.tookMs > deadlineMs * review.doors + DEADLINE_SLACK_MS)
      complain(`answered after ${review.tookMs} ms of ${deadlineMs}`);
    if (review.allowed) for (const why of wrongs(asked, review, this.#gallery)) complain(`wrongly allowed, ${why}`);
    return weather === "storm" ? "as it must be" : this.#inTheCalm(asked, review, complain);
  }

  #inTheCalm(asked: Asked, { allowed, images, circumstances }: Review, complain: (what: string) => void) {
    const must = asked.due.every((one) => {
      const truth = one.how === "moving" ? this.#stage.moving() : one.truth;
      return truth !== undefined && mustRun(truth, circumstances);
    });
    if (!allowed) return must && asked.unsure !== true ? "refused" : "as it must be";
    if (must) this.counts.due++;
    const { digest: now } = this.#stage.moving();
    const left = images.find(({ reference, digest }) => reference.includes(":moving") && (digest ?? now) !== now);
    if (left !== undefined) complain(`a tag taken for ${left.digest}, which it left`);
    return "as it must be";
  }
}

/** Why an allowed review should not have been: each image by what it runs as, not by what the gate says of it. */
function wrongs({ due }: Asked, { images, circumstances }: Review, gallery: Gallery): readonly string[] {
  return due.flatMap((one) => {
    if (one.how === "nonsense") return [`${one.reference} is no image`];
    if (advisedOnly(one.repository, circumstances)) return [];
    const written = one.how === "digest" || one.how === "both" ? one.truth?.digest : undefined;
    const digests = written === undefined ? digestsOf(one.reference, images) : [written];
    if (digests.length === 0) return [`${one.reference} was taken for no digest at all`];
    return digests.flatMap((digest) => wrong(one, gallery.of(digest) ?? unknown(digest, one), circumstances));
  });
}

/** A registry may say of a tag that it names an image of another repository, or what is no image: by that it is judged. */
function wrong({ reference, repository }: Named, truth: Truth, circumstances: Circumstances): readonly string[] {
  const why = `${reference} is ${truth.what}, of ${truth.repository}`;
  return mayRun({ ...truth, repository }, circumstances) ? [] : [why];
}

/** Nobody ever vouched for it. */
function unknown(digest: Digest, { reference, repository }: Named): Truth {
  const nothing = { signatures: [], scans: [], provenance: [] };
  return { what: digest, repository, digest, tagged: reference, pinned: reference, ...nothing };
}

/** What the object was pinned to, or where nothing pins it, what it was judged as. */
function digestsOf(reference: string, images: Review["images"]): readonly Digest[] {
  const same = images.filter((one) => one.reference === reference || one.reference.startsWith(`${reference}@`));
  return [...new Set(same.flatMap(({ digest }) => digest ?? []))];
}

function advisedOnly(repository: string, { wishes }: Circumstances): boolean {
  const covering = wishes.filter(({ prefix }) =>
    prefix === "shop/web" ? repository === prefix : repository.startsWith(prefix),
  );
  return covering.length > 0 && covering.every(({ mode }) => mode !== "enforce");
}

function describe({ due }: Asked): string {
  return due.map(({ reference, truth, how }) => `${reference.slice(0, 60)} (${truth?.what ?? how})`).join(", ");
}

/** An empty folder for one run. */
export function freshFolder(base: string, seed: number): string {
  const folder = join(base, String(seed));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}
