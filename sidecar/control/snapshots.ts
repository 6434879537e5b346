import type { OutboundService, Snapshot } from "../../core/policy/snapshot.ts";

/** The snapshot in force with the look-ups the data path needs, made once when it arrives. */
export interface InForce {
  readonly snapshot: Snapshot;
  /** Lower-case authority without port, to the services it may mean. */
  readonly byHost: ReadonlyMap<string, readonly OutboundService[]>;
  /** Pod uids by address, for peers whose certificate names no pod. */
  readonly uidsByIp: ReadonlyMap<string, readonly string[]>;
}

/** Holds what is in force and tells who must act when it changes. */
export class Snapshots {
  #inForce: InForce | undefined;
  readonly #listeners: ((inForce: InForce) => void)[] = [];

  current(): InForce | undefined {
    return this.#inForce;
  }

  onChange(listener: (inForce: InForce) => void): void {
    this.#listeners.push(listener);
  }

  replace(snapshot: Snapshot): void {
    this.#inForce = { snapshot, byHost: hostsOf(snapshot), uidsByIp: uidsByIp(snapshot) };
    for (const listener of this.#listeners) listener(this.#inForce);
  }
}

function hostsOf(snapshot: Snapshot): ReadonlyMap<string, readonly OutboundService[]> {
  const map = new Map<string, OutboundService[]>();
  for (const service of snapshot.outbound) {
    for (const host of service.hosts) map.set(host, [...(map.get(host) ?? []), service]);
  }
  return map;
}

function uidsByIp(snapshot: Snapshot): ReadonlyMap<string, readonly string[]> {
  const map = new Map<string, string[]>();
  for (const [uid, { ip }] of Object.entries(snapshot.peers)) map.set(ip, [...(map.get(ip) ?? []), uid]);
  return map;
}
