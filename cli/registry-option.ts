import { Option } from "commander";
import { CodedError } from "../core/base/errors.ts";

/** How to ask one registry. */
export interface RegistrySetting {
  readonly host: string;
  readonly plainHttp: boolean;
}

/** `--registry HOST=plain`, as often as there are registries that need it. */
export function registryOption(): Option {
  return new Option("--registry <host=plain>", "a registry that speaks plain HTTP; may be repeated")
    .argParser((text: string, before: readonly RegistrySetting[] | undefined) => [...(before ?? []), readSetting(text)])
    .default([], "none");
}

function readSetting(text: string): RegistrySetting {
  const match = /^([^=\s]+)=plain$/.exec(text);
  if (match?.[1] !== undefined) return { host: match[1], plainHttp: true };
  const fix = "write it as host:port=plain, such as 127.0.0.1:5000=plain";
  throw new CodedError("CLI_OPTION", `--registry: expected host=plain, found ${JSON.stringify(text)}`, fix);
}
