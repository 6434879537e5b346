import { afterEach, describe, expect, it } from "@jest/globals";
import { campaign, LEASE_NAME, type Leadership } from "../../../admission/kubernetes/leader.ts";
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
