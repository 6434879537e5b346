import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { SpanView, TraceView } from "../../overview.ts";
import { Attributes } from "../attributes.tsx";
import { latency } from "../format.ts";
import { type WaterfallRow, waterfallRows } from "./waterfall-rows.ts";

const INDENT_PX = 12;
const SERVICE_COLOURS = 8;

/** Spans as bars on the trace's own time; a span opens to its attributes. */
export function Waterfall({ trace }: { readonly trace: TraceView }): JSX.Element {
  const [openSpan, setOpenSpan] = useState("");
  const rows = waterfallRows(trace);
  return (
    <div class="waterfall" data-testid="waterfall">
      <p class="muted small">
        trace <code>{trace.traceId}</code> · {rows.length} {rows.length === 1 ? "span" : "spans"} ·{" "}
        {latency(trace.durationMs)}
      </p>
      <ol>
        {rows.map((row, index) => (
          <SpanRow
            key={`${row.span.spanId} ${index}`}
            row={row}
            colour={trace.services.indexOf(row.span.service)}
            open={openSpan === row.span.spanId}
            onToggle={() => setOpenSpan(openSpan === row.span.spanId ? "" : row.span.spanId)}
          />
        ))}
      </ol>
    </div>
  );
}

interface SpanRowProps {
  readonly row: WaterfallRow;
  readonly colour: number;
  readonly open: boolean;
  readonly onToggle: () => void;
}

function SpanRow({ row, colour, open, onToggle }: SpanRowProps): JSX.Element {
  const { span, depth } = row;
  const title = `${span.service}: ${span.name} (${span.kind})`;
  return (
    <li class="span" data-testid="span">
      <button type="button" class="span-opener" aria-expanded={open} onClick={onToggle} title={title}>
        <span class="span-label truncate" style={{ paddingLeft: `${depth * INDENT_PX}px` }}>
          <strong>{span.service}</strong> <span class="muted">{span.name}</span>
        </span>
        <SpanBar row={row} colour={colour} />
        <span class="number span-time">{latency(span.durationMs)}</span>
      </button>
      {open ? <Attributes of={attributesOf(span)} /> : null}
    </li>
  );
}

function SpanBar({
  row: { span, offset, width },
  colour,
}: {
  readonly row: WaterfallRow;
  readonly colour: number;
}): JSX.Element {
  const hue = span.error ? "level-bad" : `service-${Math.max(0, colour) % SERVICE_COLOURS}`;
  return (
    <svg class="span-bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
      <rect class="span-track" width="1000" height="10" />
      <rect class={`span-fill ${hue}`} x={offset * 995} width={Math.max(5, width * 1000)} height="10" />
    </svg>
  );
}

function attributesOf({ kind, spanId, attributes }: SpanView): [string, string][] {
  return [["kind", kind], ["span", spanId], ...Object.entries(attributes)];
}
