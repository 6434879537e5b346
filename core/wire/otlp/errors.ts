/** Why an OTLP request cannot be read; nothing of it is used. */
export const OTLP_ERRORS = {
  WIRE_PROTOBUF: {
    means: "bytes are not a message of the expected protobuf schema, or end too early",
    fix: "send the body complete and uncut, with content-type application/x-protobuf",
  },
  OTLP_JSON: {
    means: "JSON is not OTLP's JSON form; the message names the path",
    fix: "send OTLP's JSON form: lowerCamelCase names, integers for enums, hex for ids",
  },
  OTLP_TOO_LARGE: {
    means: "an OTLP request holds more values, or is nested deeper, than is read",
    fix: "send smaller batches",
  },
} as const;

export const OTLP_CODES = Object.keys(OTLP_ERRORS) as readonly (keyof typeof OTLP_ERRORS)[];
