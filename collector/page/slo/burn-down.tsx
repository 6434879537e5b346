import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { SloView } from "../../overview.ts";
import { percent, timeLabel } from "../format.ts";

interface BurnDownProps {
  readonly points: SloView["burnDown"];
  readonly height: number;
  readonly axes: boolean;
  readonly label: string;
}

/** Error budget remaining over time. Grows with its column; colours follow the page's scheme. */
export function BurnDown({ points, height, axes, label }: BurnDownProps): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const drawn = new uPlot(options(element, height, axes), dataOf([]), element);
    plot.current = drawn;
    const resized = new ResizeObserver(() => drawn.setSize({ width: widthOf(element), height }));
    resized.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const redraw = (): void => drawn.redraw(false, true);
    scheme.addEventListener("change", redraw);
    return () => {
      scheme.removeEventListener("change", redraw);
      resized.disconnect();
      drawn.destroy();
      plot.current = undefined;
    };
  }, [height, axes]);
  useEffect(() => plot.current?.setData(dataOf(points)), [points, height, axes]);
  return (
    <div
      class="burn-down"
      ref={frame}
      role="img"
      aria-label={label}
      data-testid="burn-down"
      data-points={points.length}
    />
  );
}

function dataOf(points: SloView["burnDown"]): uPlot.AlignedData {
  return [points.map(({ atMs }) => atMs / 1000), points.map(({ remaining }) => remaining)];
}

function options(element: HTMLElement, height: number, axes: boolean): uPlot.Options {
  const colour = (name: string) => () => getComputedStyle(element).getPropertyValue(name).trim();
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  return {
    width: widthOf(element),
    height,
    padding: axes ? [10, 12, 0, 0] : [3, 2, 3, 2],
    legend: { show: false },
    cursor: { show: axes, y: false, drag: { setScale: false } },
    scales: { y: { range: (_plot, low, high) => [Math.min(0, low ?? 0), Math.max(1, high ?? 1)] } },
    series: [{}, { stroke: colour("--accent"), fill: colour("--accent-faint"), width: 1.5, points: { show: false } }],
    axes: axes
      ? [
          { ...axis, space: 80, values: (_plot, splits) => splits.map((s) => timeLabel(s * 1000, spanMs(splits))) },
          { ...axis, size: 58, values: (_plot, splits) => splits.map((share) => percent(share)) },
        ]
      : [{ show: false }, { show: false }],
  };
}

function spanMs(splits: readonly number[]): number {
  return ((splits.at(-1) ?? 0) - (splits[0] ?? 0)) * 1000;
}

function widthOf(element: HTMLElement): number {
  return Math.max(40, Math.floor(element.clientWidth));
}
