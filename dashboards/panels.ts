import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import {
  MappingType,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatPanel } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as StateTimelinePanel } from "@grafana/grafana-foundation-sdk/statetimeline";
import { PanelBuilder as TimeSeriesPanel } from "@grafana/grafana-foundation-sdk/timeseries";
import type { Vector } from "./query.ts";
import { DATASOURCE } from "./variables.ts";

/** Grafana's unit ids, the few that Outrider's metrics need. */
export type Unit = "percentunit" | "reqps" | "s" | "dtdurations" | "short" | "ops" | "none";

/** What every panel says of itself; a panel without a title, description and unit does not compile. */
export interface PanelText {
  readonly title: string;
  /** What it shows and what to do about it, one or two sentences. */
  readonly description: string;
  readonly unit: Unit;
  /** Columns of 24, default 12. */
  readonly width?: number;
  readonly thresholds?: readonly Threshold[];
  /** Draws the thresholds into a time series. */
  readonly drawThresholds?: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly mappings?: readonly ValueMapping[];
}

/** One query of a panel and how its series are called: "{{service}}". */
export interface Series {
  readonly query: Vector<string>;
  readonly legend: string;
  /** Exemplar points that lead to traces; only for counters and histograms. */
  readonly exemplars?: boolean;
}

const PANEL_HEIGHT = 8;
const STAT_HEIGHT = 4;

export function timeSeries(text: PanelText, ...series: readonly Series[]): TimeSeriesPanel {
  const panel = new TimeSeriesPanel()
    .height(PANEL_HEIGHT)
    .lineWidth(1)
    .fillOpacity(8)
    .showPoints(VisibilityMode.Never)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(["lastNotNull", "max"]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  if (text.drawThresholds === true) {
    panel.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed));
  }
  return described(panel, text, series);
}

/** One number each, of the newest value. */
export function stat(text: PanelText, ...series: readonly Series[]): StatPanel {
  const panel = new StatPanel()
    .height(STAT_HEIGHT)
    .graphMode(BigValueGraphMode.Area)
    .colorMode(BigValueColorMode.Value)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(["lastNotNull"]));
  return described(panel, text, series);
}

/** States over time as coloured bars: alerts. */
export function stateTimeline(text: PanelText, ...series: readonly Series[]): StateTimelinePanel {
  return described(new StateTimelinePanel().height(PANEL_HEIGHT), text, series);
}

export function step(value: number | null, color: string): Threshold {
  return { value, color };
}

/** Names and colours for the numbers of a state metric. */
export function states(names: Readonly<Record<number, readonly [text: string, color: string]>>): ValueMapping {
  const options = Object.fromEntries(
    Object.entries(names).map(([value, [text, color]], index) => [value, { text, color, index }]),
  );
  return { type: MappingType.ValueToText, options };
}

type AnyPanel = TimeSeriesPanel | StatPanel | StateTimelinePanel;

function described<P extends AnyPanel>(panel: P, text: PanelText, series: readonly Series[]): P {
  panel
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .span(text.width ?? 12)
    .datasource(DATASOURCE);
  if (text.thresholds !== undefined) panel.thresholds(thresholds(text.thresholds));
  if (text.min !== undefined) panel.min(text.min);
  if (text.max !== undefined) panel.max(text.max);
  if (text.mappings !== undefined) panel.mappings([...text.mappings]);
  panel.noValue("no data");
  panel.targets(series.map((one, index) => target(one, index)));
  return panel;
}

function thresholds(steps: readonly Threshold[]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...steps]);
}

function target({ query, legend, exemplars }: Series, index: number): DataqueryBuilder {
  const built = new DataqueryBuilder()
    .refId(String.fromCharCode(65 + index))
    .expr(query.expr)
    .legendFormat(legend)
    .datasource(DATASOURCE);
  if (exemplars === true) built.exemplar(true);
  return built.range();
}
