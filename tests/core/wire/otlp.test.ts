import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CodedError } from "../../../core/base/errors.ts";
import type { MetricData, SpanData } from "../../../core/wire/otlp/model.ts";
import {
  decodeLogs,
  decodeMetrics,
  decodeTraces,
  encodeAnswer,
  encodeMetrics,
  encodeTraces,
} from "../../../core/wire/otlp/otlp.ts";
import { oracleDecode, oracleEncode } from "./otlp-oracle.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const RESOURCE = { "service.name": "payments", "k8s.pod.name": "payments-1" };
const GOOD_SPAN: SpanData = {
  traceId: TRACE,
  spanId: SPAN,
  parentSpanId: "00f067aa0ba902b7",
  name: "POST /pay",
  kind: 2,
  startNs: 1_700_000_000_123_456_789n,
  endNs: 1_700_000_000_223_456_789n,
  attributes: { "http.response.status_code": 200, ratio: 0.5, tls: true, note: "grüße" },
  statusCode: 2,
  statusMessage: "upstream reset",
};
const POINT = { attributes: { status: "200" }, startNs: 1n, timeNs: 2n };
const utf8 = new TextEncoder();
const json = (value: unknown) => utf8.encode(JSON.stringify(value));

describe("spans", () => {
  it("come back as they were sent", () => {
    const received = decodeTraces(encodeTraces(RESOURCE, [GOOD_SPAN]), "protobuf");
    expect(received).toEqual({ parts: [{ resource: RESOURCE, items: [GOOD_SPAN] }], invalid: 0 });
  });

  it("are the same bytes' meaning to another protobuf implementation", () => {
    const bytes = encodeTraces(RESOURCE, [GOOD_SPAN]);
    const again = oracleEncode("TraceRequest", oracleDecode("TraceRequest", bytes));
    expect(decodeTraces(again, "protobuf").parts[0]?.items).toEqual([GOOD_SPAN]);
    expect(JSON.stringify(oracleDecode("TraceRequest", bytes))).toContain('"startTimeUnixNano":"1700000000123456789"');
  });

  it("are read from OTLP's JSON form, with hex ids and times as text", () => {
    const span = {
      traceId: TRACE.toUpperCase(),
      spanId: SPAN,
      name: "x",
      kind: 3,
      startTimeUnixNano: "5",
      endTimeUnixNano: 9,
    };
    const scopeSpans = [{ scope: { name: "any" }, spans: [span], unknownField: 1 }];
    const attributes = [{ key: "service.name", value: { stringValue: "web" } }];
    const { parts } = decodeTraces(json({ resourceSpans: [{ resource: { attributes }, scopeSpans }] }), "json");
    const plain = { attributes: {}, statusCode: 0, name: "x", kind: 3, startNs: 5n, endNs: 9n };
    expect(parts).toEqual([
      { resource: { "service.name": "web" }, items: [{ ...plain, traceId: TRACE, spanId: SPAN }] },
    ]);
  });

  it("without a usable id are counted, and the others kept", () => {
    const zero = { traceId: "0".repeat(32), spanId: SPAN };
    const short = { traceId: "ab", spanId: SPAN };
    const body = json({
      resourceSpans: [{ scopeSpans: [{ spans: [zero, short, { traceId: TRACE, spanId: SPAN }] }] }],
    });
    const received = decodeTraces(body, "json");
    expect(received.invalid).toBe(2);
    expect(received.parts[0]?.items).toHaveLength(1);
  });

  it("survive any attributes and times, both ways", () => {
    const attribute = fc.oneof(
      fc.string(),
      fc.boolean(),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true }).filter((n) => !Object.is(n, -0)),
    );
    const attributes = fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      attribute,
      { maxKeys: 8, noNullPrototype: true },
    );
    const time = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(attributes, time, time, fc.string(), (values, startNs, endNs, name) => {
        const span = { ...GOOD_SPAN, attributes: values, startNs, endNs, name };
        expect(decodeTraces(encodeTraces({}, [span]), "protobuf").parts[0]?.items).toEqual([span]);
      }),
      { numRuns: 200 },
    );
  });
});

describe("attribute values that OTLP allows are all accepted", () => {
  const cases: [given: string, value: object, read: unknown][] = [
    ["an empty value", {}, ""],
    ["a missing string", { stringValue: "" }, ""],
    ["bytes", { bytesValue: "AQID" }, "AQID"],
    [
      "a mixed array",
      { arrayValue: { values: [{ intValue: "1" }, { stringValue: "a" }, {}, { doubleValue: 0.5 }] } },
      '[1,"a",null,0.5]',
    ],
    ["an empty array", { arrayValue: {} }, "[]"],
    [
      "a map",
      { kvlistValue: { values: [{ key: "a", value: { boolValue: true } }, { key: "b" }] } },
      '{"a":true,"b":null}',
    ],
    ["an integer beyond 2^53", { intValue: "9007199254740993" }, "9007199254740993"],
    ["a negative integer", { intValue: "-3" }, -3],
  ];
  const body = (value: object) => {
    const attributes = [{ key: "k", value }];
    return { resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: "1", attributes }] }] }] };
  };

  it.each(cases)("%s, in JSON", (_, value, read) => {
    expect(decodeLogs(json(body(value)), "json").parts[0]?.items[0]?.attributes).toEqual({ k: read });
  });

  it.each(cases)("%s, in protobuf", (_, value, read) => {
    const bytes = oracleEncode("LogsRequest", body(value));
    expect(decodeLogs(bytes, "protobuf").parts[0]?.items[0]?.attributes).toEqual({ k: read });
  });

  it("and a key that would reach into the object's prototype is left out", () => {
    const attributes = [
      { key: "__proto__", value: { stringValue: "x" } },
      { key: "a", value: { intValue: 1 } },
    ];
    const request = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ attributes }] }] }] };
    expect(decodeLogs(json(request), "json").parts[0]?.items[0]?.attributes).toEqual({ a: 1 });
  });
});

describe("metrics", () => {
  const exponential = { ...POINT, count: 306, sum: 1.5, scale: 3, zeroCount: 1, offset: -30, counts: [1, 0, 4, 300] };
  const sent: MetricData[] = [
    {
      name: "requests",
      unit: "1",
      kind: "sum",
      points: [
        { ...POINT, value: 5 },
        { ...POINT, value: 0.25 },
      ],
    },
    { name: "open", unit: "1", kind: "gauge", points: [{ ...POINT, value: -2 }] },
    { name: "duration", unit: "s", kind: "exponential", points: [exponential] },
  ];

  it("come back as they were sent, cumulative and monotonic", () => {
    const [requests, open, duration] = decodeMetrics(encodeMetrics(RESOURCE, sent), "protobuf").parts[0]?.items ?? [];
    expect(requests).toMatchObject({
      kind: "sum",
      temporality: "cumulative",
      monotonic: true,
      points: sent[0]?.points,
    });
    expect(open).toMatchObject({ kind: "gauge", points: sent[1]?.points });
    expect(duration).toMatchObject({ kind: "exponential", unit: "s", points: [exponential] });
  });

  it("mean the same to another protobuf implementation", () => {
    const bytes = encodeMetrics(RESOURCE, sent);
    const again = oracleEncode("MetricsRequest", oracleDecode("MetricsRequest", bytes));
    expect(decodeMetrics(again, "protobuf")).toEqual(decodeMetrics(bytes, "protobuf"));
  });

  it("of any size keep their numbers", () => {
    const counts = fc.array(fc.nat({ max: 2 ** 40 }), { maxLength: 20 });
    fc.assert(
      fc.property(
        counts,
        fc.integer({ min: -10, max: 20 }),
        fc.integer({ min: -1e6, max: 1e6 }),
        (values, scale, offset) => {
          const point = {
            ...exponential,
            count: 1 + values.reduce((sum, one) => sum + one, 0),
            counts: values,
            scale,
            offset,
          };
          const metric: MetricData = { name: "d", unit: "s", kind: "exponential", points: [point] };
          expect(decodeMetrics(encodeMetrics({}, [metric]), "protobuf").parts[0]?.items[0]?.points).toEqual([point]);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("are read as classic histograms, packed or in JSON", () => {
    const point = {
      count: "3",
      sum: 0.7,
      bucketCounts: ["1", "2", "0"],
      explicitBounds: [0.1, 0.5],
      timeUnixNano: "2",
    };
    const metric = { name: "h", histogram: { dataPoints: [point], aggregationTemporality: 2 } };
    const request = { resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] };
    const read = {
      kind: "histogram",
      points: [{ count: 3, sum: 0.7, counts: [1, 2, 0], bounds: [0.1, 0.5], timeNs: 2n }],
    };
    expect(decodeMetrics(json(request), "json").parts[0]?.items[0]).toMatchObject(read);
    expect(decodeMetrics(oracleEncode("MetricsRequest", request), "protobuf").parts[0]?.items[0]).toMatchObject(read);
  });

  const unusable: [given: string, metric: object][] = [
    ["a summary", { name: "s", summary: { dataPoints: [{}] } }],
    ["a sum that does not say whether it is cumulative", { name: "s", sum: { dataPoints: [{ asInt: 1 }] } }],
    [
      "a histogram whose counts and bounds differ",
      {
        name: "h",
        histogram: { aggregationTemporality: 2, dataPoints: [{ bucketCounts: [1], explicitBounds: [1, 2] }] },
      },
    ],
    [
      "an exponential histogram of an absurd scale",
      { name: "e", exponentialHistogram: { aggregationTemporality: 2, dataPoints: [{ scale: 1000 }] } },
    ],
    ["a metric without a name", { gauge: { dataPoints: [{ asInt: 1 }] } }],
  ];
  it.each(unusable)("that cannot be used are counted: %s", (_, metric) => {
    const request = { resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] };
    expect(decodeMetrics(json(request), "json").invalid).toBe(1);
  });

  it("leave out points that say there is no value", () => {
    const metric = { name: "g", gauge: { dataPoints: [{ asInt: 1, flags: 1 }, { asInt: 2 }] } };
    const request = { resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] };
    expect(decodeMetrics(json(request), "json").parts[0]?.items[0]?.points).toHaveLength(1);
  });
});

function codeOf(work: () => unknown): string {
  try {
    work();
    return "no error";
  } catch (thrown) {
    return thrown instanceof CodedError ? thrown.code : `not coded: ${thrown}`;
  }
}

describe("hostile bytes", () => {
  const whole = encodeTraces(RESOURCE, [GOOD_SPAN, GOOD_SPAN]);

  it("cut anywhere are refused with a code, or end between two fields", () => {
    for (let length = 0; length < whole.length; length++) {
      expect(["no error", "WIRE_PROTOBUF"]).toContain(
        codeOf(() => decodeTraces(whole.subarray(0, length), "protobuf")),
      );
    }
    expect(codeOf(() => decodeTraces(whole.subarray(0, -1), "protobuf"))).toBe("WIRE_PROTOBUF");
  });

  it("of any kind never throw anything but coded errors", () => {
    const codes = ["no error", "WIRE_PROTOBUF", "OTLP_TOO_LARGE", "OTLP_JSON"];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [decodeTraces, decodeMetrics, decodeLogs]) {
          expect(codes).toContain(codeOf(() => decode(bytes, "protobuf")));
          expect(codes).toContain(codeOf(() => decode(bytes, "json")));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("with any byte changed never throw anything but coded errors", () => {
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const changed = whole.slice();
        changed[at] = byte;
        expect(["no error", "WIRE_PROTOBUF", "OTLP_TOO_LARGE"]).toContain(
          codeOf(() => decodeTraces(changed, "protobuf")),
        );
      }),
    );
  });

  const nested = (depth: number): object => (depth === 0 ? {} : { arrayValue: { values: [nested(depth - 1)] } });
  const logWith = (value: object) => ({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: value }] }] }] });
  it.each([
    [
      "a value nested without end, in protobuf",
      () => decodeLogs(oracleEncode("LogsRequest", logWith(nested(40))), "protobuf"),
    ],
    ["a value nested without end, in JSON", () => decodeLogs(json(logWith(nested(60))), "json")],
    ["brackets without end", () => decodeLogs(utf8.encode("[".repeat(1_000_000)), "json")],
    [
      "more values than are read",
      () =>
        decodeTraces(
          new Uint8Array(9_000_000).fill(0x10).map((b, i) => (i % 2 ? 1 : b)),
          "protobuf",
        ),
    ],
  ])("are too large: %s", (_, work) => {
    expect(codeOf(work)).toBe("OTLP_TOO_LARGE");
  });

  it.each([
    ["a string where a list belongs", { resourceSpans: "x" }, "resourceSpans: expected a list"],
    [
      "a wrong id",
      { resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: "xyz" }] }] }] },
      "resourceSpans[0].scopeSpans[0].spans[0].traceId: expected hex",
    ],
  ])("in JSON name the path: %s", (_, body, message) => {
    expect(() => decodeTraces(json(body), "json")).toThrow(message);
  });
});

describe("an answer", () => {
  it("of full success is empty", () => {
    expect(encodeAnswer("traces", "protobuf", 0, "")).toHaveLength(0);
    expect(new TextDecoder().decode(encodeAnswer("traces", "json", 0, ""))).toBe("{}");
  });

  it("of partial success counts what was rejected", () => {
    const answer = new TextDecoder().decode(encodeAnswer("metrics", "json", 2, "2 invalid"));
    expect(JSON.parse(answer)).toEqual({ partialSuccess: { rejectedDataPoints: "2", errorMessage: "2 invalid" } });
  });
});
