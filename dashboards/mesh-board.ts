import { MESH_METRICS } from "../mesh/metrics.ts";
import { SIDECAR_METRICS } from "../sidecar/metrics.ts";
import type { Board, Row } from "./board.ts";
import { stat, step, timeSeries } from "./panels.ts";
import { increase, maxBy, minBy, rate, select, sumBy } from "./query.ts";
import { boardLink, chosen, labelVariable } from "./variables.ts";

const PODS = { namespace: chosen("namespace"), service: chosen("service") };
const HOUR_S = 3600;

/** Are certificates and snapshots fresh, and do sidecars take them. */
export function meshBoard(): Board {
  return {
    uid: "outrider-mesh",
    title: "Outrider / Mesh",
    description: "The control plane and its sidecars: snapshots, certificates, handshakes and connections.",
    tags: ["mesh"],
    variables: [
      labelVariable(SIDECAR_METRICS.configAge, "namespace", "Namespace"),
      labelVariable(SIDECAR_METRICS.configAge, "service", "Service", { namespace: PODS.namespace }),
    ],
    links: [boardLink("SLO", "outrider-slo"), boardLink("Admission", "outrider-admission")],
    annotations: [],
    rows: [controlPlaneRow(), sidecarRow()],
  };
}

function controlPlaneRow(): Row {
  return {
    title: "Control plane",
    panels: [
      stat(
        {
          title: "Sidecars connected",
          description: "Sidecars on the snapshot stream. A fall without a deploy: see docs/runbooks/lost-instance.md.",
          unit: "none",
          thresholds: [step(null, "red"), step(1, "green")],
        },
        { query: sumBy([], select(MESH_METRICS.sidecars)), legend: "sidecars" },
      ),
      stat(
        {
          title: "Signing root ends in",
          description:
            "Time until the signing root ends. It rotates by itself well before; below a week, look why not.",
          unit: "dtdurations",
          thresholds: [step(null, "red"), step(7 * 24 * HOUR_S, "green")],
        },
        { query: minBy([], select(MESH_METRICS.anchorExpiry)), legend: "root" },
      ),
      timeSeries(
        {
          title: "Snapshots compiled",
          description: "Snapshots compiled because the cluster's objects changed.",
          unit: "short",
          width: 8,
          min: 0,
        },
        { query: sumBy([], increase(select(MESH_METRICS.compiled))), legend: "compiled" },
      ),
      timeSeries(
        {
          title: "Answers to snapshots",
          description: "Sidecars' answers. A nack means that a sidecar keeps its last good snapshot.",
          unit: "short",
          width: 8,
          min: 0,
        },
        { query: sumBy(["answer"], increase(select(MESH_METRICS.acknowledged))), legend: "{{answer}}" },
      ),
      timeSeries(
        {
          title: "Certificate requests",
          description: "Certificate requests by result: issued, or the code of the refusal.",
          unit: "short",
          width: 8,
          min: 0,
        },
        { query: sumBy(["result"], increase(select(MESH_METRICS.certificates))), legend: "{{result}}" },
      ),
    ],
  };
}

function sidecarRow(): Row {
  return {
    title: "Sidecars",
    panels: [
      timeSeries(
        {
          title: "Snapshot age",
          description:
            "Seconds since the control plane last confirmed the snapshot in force, oldest pod of each service.",
          unit: "s",
          min: 0,
        },
        { query: maxBy(["service"], select(SIDECAR_METRICS.configAge, PODS)), legend: "{{service}}" },
      ),
      timeSeries(
        {
          title: "Certificates end in",
          description: "Time until the first workload certificate of each service ends. It renews at half its life.",
          unit: "dtdurations",
          thresholds: [step(null, "red"), step(HOUR_S, "green")],
          drawThresholds: true,
        },
        { query: minBy(["service"], select(SIDECAR_METRICS.certificateExpiry, PODS)), legend: "{{service}}" },
      ),
      timeSeries(
        {
          title: "TLS handshakes",
          description: "Handshakes by result: ok, or why the peer was refused.",
          unit: "ops",
          width: 8,
          min: 0,
        },
        {
          query: sumBy(["direction", "result"], rate(select(SIDECAR_METRICS.handshakes, PODS))),
          legend: "{{direction}} {{result}}",
        },
      ),
      timeSeries(
        { title: "Open connections", description: "Open connections by service.", unit: "none", width: 8, min: 0 },
        {
          query: sumBy(["service", "direction"], select(SIDECAR_METRICS.connections, PODS)),
          legend: "{{service}} {{direction}}",
        },
      ),
      timeSeries(
        {
          title: "Malformed messages and lost telemetry",
          description: "Messages refused as ambiguous or broken, and telemetry dropped while the collector was away.",
          unit: "short",
          width: 8,
          min: 0,
        },
        {
          query: sumBy(["service", "reason"], increase(select(SIDECAR_METRICS.malformed, PODS))),
          legend: "malformed {{service}} {{reason}}",
        },
        {
          query: sumBy(["service", "signal"], increase(select(SIDECAR_METRICS.exportDropped, PODS))),
          legend: "dropped {{service}} {{signal}}",
        },
      ),
    ],
  };
}
