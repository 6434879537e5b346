import { afterEach, describe, expect, it } from "@jest/globals";
import {
  campaign,
  createLeaderWork,
  LEASE_NAME,
  type Leadership,
  ROUND_MS,
  ROUND_RETRY_MS,
} from "../../../admission/kubernetes/leader.ts";
import { PATHS } from "../../../admission/kubernetes/paths.ts";
import { silentLog } from "../../../core/base/log.ts";
import { down, type FakeApiServer, fakeApiServer } from "../../support/fake-api-server.ts";

const NAMESPACE = "outrider-system";
const LEASE = `${PATHS.leases(NAMESPACE)}/${LEASE_NAME}`;

const opened: Leadership[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

function candidate(api: FakeApiServer, identity: string, led: string[] = []): Leadership {
  const leadership = campaign(api, { namespace: NAMESPACE, identity, log: silentLog }, () => led.push(identity));
  opened.push(leadership);
  return leadership;
}

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
};
const holder = (api: FakeApiServer) => api.read<{ spec: { holderIdentity: string } }>(LEASE)?.spec.holderIdentity;

describe("the leader", () => {
  it("is one of those who want to be, and is told when it begins", async () => {
    const api = fakeApiServer();
    const led: string[] = [];
    const all = ["one", "two", "three"].map((identity) => candidate(api, identity, led));
    await until(() => all.some((one) => one.isLeader()));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(all.filter((one) => one.isLeader())).toHaveLength(1);
    expect(led).toEqual([holder(api)]);
  });

  it("gives the Lease back when it stops, so that the next one need not wait", async () => {
    const api = fakeApiServer();
    const first = candidate(api, "one");
    await until(first.isLeader);
    await first.close();
    expect(first.isLeader()).toBe(false);
    const next = candidate(api, "two");
    await until(next.isLeader);
    expect(holder(api)).toBe("two");
  });

  it("of another replica is not replaced while its Lease may be renewed, whatever its clock says", async () => {
    const api = fakeApiServer();
    const spec = { holderIdentity: "other", renewTime: "2001-01-01T00:00:00.000000Z", leaseDurationSeconds: 15 };
    api.put(PATHS.leases(NAMESPACE), { metadata: { name: LEASE_NAME }, spec } as never);
    const late = candidate(api, "one");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(late.isLeader()).toBe(false);
    expect(holder(api)).toBe("other");
  });

  it("is nobody who could not write the Lease", async () => {
    const api = fakeApiServer();
    api.fault = ({ method }) => (method === "POST" ? down() : undefined);
    const one = candidate(api, "one");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(one.isLeader()).toBe(false);
  });
});

describe("the leader's work", () => {
  const work = (api: FakeApiServer, identity: string) => {
    const created = createLeaderWork(api, { namespace: NAMESPACE, identity, log: silentLog });
    opened.push({ isLeader: created.leads, close: created.close });
    return created;
  };

  it("is done by one replica, again when it is asked for, and not by the others", async () => {
    const api = fakeApiServer();
    const rounds: string[] = [];
    const both = ["one", "two"].map((identity) => work(api, identity));
    for (const [index, one] of both.entries())
      one.begin(async () => {
        rounds.push(`replica ${index}`);
        return true;
      });
    await until(() => rounds.length === 1);
    for (const one of both) one.soon();
    await until(() => rounds.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(new Set(rounds).size).toBe(1);
    expect(rounds).toHaveLength(2);
    expect(both.filter((one) => one.leads())).toHaveLength(1);
  });

  it.each([
    ["that is not done yet", async () => false],
    ["that fails", () => Promise.reject(new Error("down"))],
  ])("%s is tried again soon", async (_, first) => {
    const api = fakeApiServer();
    let rounds = 0;
    work(api, "one").begin(() => (rounds++ === 0 ? first() : Promise.resolve(true)));
    await until(() => rounds === 2);
    expect(ROUND_RETRY_MS).toBeLessThan(ROUND_MS);
  });
});
