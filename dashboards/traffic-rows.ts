import { COLLECTOR_METRICS } from "../collector/metrics.ts";
import { SIDECAR_METRICS } from "../sidecar/metrics.ts";
import type { Row } from "./board.ts";
import { timeSeries } from "./panels.ts";
import { orZero, quantileBy, rate, ratio, select, sumBy, topk } from "./query.ts";
import { chosen } from "./variables.ts";

/** What the services' own sidecars received. */
const INBOUND = { direction: "inbound", namespace: chosen("namespace"), service: chosen("service") } as const;
const SERVER_ERROR = { matches: "5.." } as const;

/** Rows more than this many series long are cut to the busiest. */
const BUSIEST = 20;

/** Rate, errors and duration of the chosen services. */
export function trafficRow(): Row {
  const all = sumBy(["service"], rate(select(SIDECAR_METRICS.requests, INBOUND)));
  const failed = sumBy(["service"], rate(select(SIDECAR_METRICS.requests, { ...INBOUND, status: SERVER_ERROR })));
  return {
    title: "Traffic",
    panels: [
      timeSeries(
        { title: "Request rate", description: "Requests that reached the service, per second.", unit: "reqps", min: 0 },
        { query: all, legend: "{{service}}", exemplars: true },
      ),
      timeSeries(
        {
          title: "Error ratio",
          description: "Share of requests answered with a 5xx. A service that never failed shows 0.",
          unit: "percentunit",
          min: 0,
        },
        { query: ratio(orZero(failed, all), all), legend: "{{service}}" },
      ),
      timeSeries(
        {
          title: "Errors by pod, route and status",
          description: "Where the 5xx come from: the top contributors, worst first.",
          unit: "reqps",
          min: 0,
        },
        {
          query: topk(
            BUSIEST,
            sumBy(
              ["pod", "route", "status"],
              rate(select(SIDECAR_METRICS.requests, { ...INBOUND, status: SERVER_ERROR })),
            ),
          ),
          legend: "{{pod}} {{route}} {{status}}",
        },
      ),
      timeSeries(
        {
          title: "Latency",
          description:
            "Time from the first byte of the request to the last byte of the response: median, 95 % and 99 %.",
          unit: "s",
          min: 0,
        },
        ...[0.5, 0.95, 0.99].map((quantile) => ({
          query: quantileBy(quantile, ["service"], SIDECAR_METRICS.duration, INBOUND),
          legend: `{{service}} p${quantile * 100}`,
          exemplars: quantile === 0.99,
        })),
      ),
    ],
  };
}

/** Who calls whom, and which calls fail or are refused. */
export function serviceMapRow(): Row {
  const TO = { server: chosen("service") };
  const all = sumBy(["client", "server"], rate(select(COLLECTOR_METRICS.edges, TO)));
  const failed = sumBy(["client", "server"], rate(select(COLLECTOR_METRICS.edgesFailed, TO)));
  return {
    title: "Service map",
    panels: [
      timeSeries(
        {
          title: "Requests by edge",
          description: "Requests between two services, per second, as their sidecars counted them.",
          unit: "reqps",
          width: 8,
          min: 0,
        },
        { query: topk(BUSIEST, all), legend: "{{client}} → {{server}}" },
      ),
      timeSeries(
        {
          title: "Error ratio by edge",
          description: "Share of requests between two services that ended in a server error.",
          unit: "percentunit",
          width: 8,
          min: 0,
        },
        { query: ratio(orZero(failed, all), all), legend: "{{client}} → {{server}}" },
      ),
      timeSeries(
        {
          title: "Refused by policy",
          description: "Connections and requests refused, by the rule that refused them. `outrider explain` says why.",
          unit: "reqps",
          width: 8,
          min: 0,
        },
        {
          query: topk(BUSIEST, sumBy(["service", "peer", "rule"], rate(select(SIDECAR_METRICS.denied, INBOUND)))),
          legend: "{{peer}} → {{service}}: {{rule}}",
        },
      ),
    ],
  };
}
