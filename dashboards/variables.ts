import {
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type DashboardLinkBuilder as Link,
  QueryVariableBuilder,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import type { MetricSpec } from "../core/base/metric.ts";
import { type Exactly, type Matchers, select } from "./query.ts";

/** Every panel and variable asks this one, which is the first variable of each board. */
export const DATASOURCE = { type: "prometheus", uid: "$datasource" } as const;

export function datasourceVariable(): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder("datasource")
    .label("Data source")
    .type("prometheus")
    .current({ selected: true, text: "default", value: "default" });
}

/**
 * A variable of label values. `within` chains it to the variables before it: the services of the chosen namespace.
 */
export function labelVariable<Label extends string, M extends Matchers<NoInfer<Label>>>(
  metric: MetricSpec<Label>,
  label: NoInfer<Label>,
  title: string,
  within?: Exactly<M, NoInfer<Label>>,
): QueryVariableBuilder {
  const query = `label_values(${select(metric, within).expr}, ${label})`;
  return new QueryVariableBuilder(label)
    .label(title)
    .datasource(DATASOURCE)
    .query({ query, refId: `variable-${label}` })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue(".*")
    .current({ selected: true, text: ["All"], value: ["$__all"] });
}

/** Matches what the board's variable of that name holds, one value or many. */
export function chosen(variable: string): { readonly matches: string } {
  return { matches: `$${variable}` };
}

/** A link to the other boards of Outrider that keeps the time range and the chosen variables. */
export function boardsLink(): Link {
  return new DashboardLinkBuilder("Outrider boards")
    .type(DashboardLinkType.Dashboards)
    .tags(["outrider"])
    .asDropdown(true)
    .includeVars(true)
    .keepTime(true)
    .tooltip("Other boards, at the same time and for the same services");
}

/** A link to one board by its uid, with time and variables. */
export function boardLink(title: string, uid: string): Link {
  return new DashboardLinkBuilder(title)
    .type(DashboardLinkType.Link)
    .icon("external link")
    .url(`/d/${uid}`)
    .includeVars(true)
    .keepTime(true)
    .tooltip(`Opens ${title} at the same time and for the same services`);
}
