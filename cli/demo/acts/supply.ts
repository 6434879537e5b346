import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { DAY_MS, HOUR_MS } from "../../../core/base/clock.ts";
import { NAMESPACE } from "../layout.ts";
import type { EmbeddedRegistry, PushedImage } from "../registry/registry.ts";
import { attestVuln, type Signer, generateSigner, signBundle, signCosignSimple } from "../signing/signing.ts";
import type { Stage } from "../stage.ts";
