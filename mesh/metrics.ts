import { metric } from "../core/base/metric.ts";

export const MESH_METRICS = {
  sidecars: metric({
    name: "outrider_mesh_sidecars",
    help: "Sidecars connected to the snapshot stream.",
    type: "gauge",
    unit: "1",
    labels: [],
  }),
  compiled: metric({
    name: "outrider_mesh_snapshots_compiled_total",
    help: "Snapshots compiled because the cluster's objects changed.",
    type: "counter",
    unit: "1",
    labels: [],
  }),
  acknowledged: metric({
    name: "outrider_mesh_snapshots_acknowledged_total",
    help: "Answers of sidecars to snapshots: ack or nack.",
    type: "counter",
    unit: "1",
    labels: ["answer"],
  }),
  certificates: metric({
    name: "outrider_mesh_certificates_total",
    help: "Certificate requests, by result: issued, or the code of the refusal.",
    type: "counter",
    unit: "1",
    labels: ["result"],
  }),
  anchorExpiry: metric({
    name: "outrider_mesh_anchor_expiry_seconds",
    help: "Seconds until the signing root ends.",
    type: "gauge",
    unit: "s",
    labels: [],
  }),
} as const;
