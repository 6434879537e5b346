import { endWithParent } from "../core/base/lifecycle.ts";
import { main } from "./main.ts";

if (process.env["OUTRIDER_TETHERED"] === "1") endWithParent(process.stdin);
process.exit(await main(process.argv.slice(2)));
