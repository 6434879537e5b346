import type { ComponentChildren, JSX } from "preact";

interface PanelProps {
  readonly title: string;
  readonly testid: string;
  readonly count?: number;
  readonly children: ComponentChildren;
}

/** A titled region of the screen. */
export function Panel({ title, testid, count, children }: PanelProps): JSX.Element {
  const id = `${testid}-title`;
  return (
    <section class="panel" aria-labelledby={id} data-testid={testid}>
      <h2 id={id}>
        {title}
        {count === undefined || count === 0 ? null : <span class="count">{count}</span>}
      </h2>
      {children}
    </section>
  );
}

/** What a panel says while it has nothing to show, and what would fill it. */
export function Empty({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return <p class="empty">{children}</p>;
}
