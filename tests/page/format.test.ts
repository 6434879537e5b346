import { describe, expect, it } from "@jest/globals";
import {
  ago,
  duration,
  latency,
  number,
  objective,
  percent,
  perSecond,
  shorten,
  times,
} from "../../collector/page/format.ts";

describe("numbers read as", () => {
  const cases: [shown: string, expected: string][] = [
    [number(12.345), "12.3"],
    [number(0), "0"],
    [number(1234567), "1.23M"],
    [number(48_211), "48k"],
    [number(Number.NaN), "–"],
    [perSecond(24.6), "24.6/s"],
    [percent(0.0123), "1.23 %"],
    [objective(0.99995), "99.995 %"],
    [objective(0.999), "99.9 %"],
    [times(14.4), "14.4×"],
    [times(null), "–"],
    [times(undefined), "–"],
    [latency(0.834), "0.83 ms"],
    [latency(48.2), "48.2 ms"],
    [latency(1320), "1.32 s"],
    [latency(null), "–"],
    [duration(42_000), "42 s"],
    [duration(3_661_000), "1 h 1 m"],
    [duration(400), "0.4 s"],
    [duration(-5), "0 s"],
    [duration(2_592_000_000), "30 d"],
    [ago(1_000, 1_400), "now"],
    [ago(1_000, 43_000), "42 s ago"],
    [ago(5_000, 1_000), "now"],
    [shorten("payments", 20), "payments"],
    [shorten("recommendation-service-name", 15), "recommenda…name"],
  ];
  it.each(cases)("%s", (shown, expected) => expect(shown).toBe(expected));
});
