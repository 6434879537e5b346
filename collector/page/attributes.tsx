import type { JSX } from "preact";

/** Names and their values, one a line, in the order given. */
export function Attributes({ of }: { readonly of: readonly (readonly [name: string, value: string])[] }): JSX.Element {
  return (
    <dl class="attributes">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
