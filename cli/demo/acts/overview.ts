import type { Overview } from "../../../collector/overview.ts";
import { askJson } from "../client.ts";
import type { Stage } from "../stage.ts";

/** What the page shows, as data. */
export const overview = (stage: Stage): Promise<Overview> =>
  askJson<Overview>(`http://${stage.layout.web}/api/v1/overview`);
