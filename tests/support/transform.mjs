import { createHash } from "node:crypto";
import { stripTypeScriptTypes } from "node:module";

// Removes types in place, so that line and column numbers in a stack are the source's own.
export default {
  process: (source) => ({ code: stripTypeScriptTypes(source, { mode: "strip" }) }),
  getCacheKey: (source, path) => createHash("sha256").update(process.version).update(path).update(source).digest("hex"),
};
