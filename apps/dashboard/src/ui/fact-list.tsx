import type { ComponentChildren, JSX } from 'preact';

/** A name and its value; omitted without a value. */
export type FactLine = readonly [title: string, value: ComponentChildren];

export function FactList({
  title,
  facts,
}: {
  readonly title: string;
  readonly facts: readonly FactLine[];
}): JSX.Element {
  return (
    <section class="panel">
      <div class="panel-head">
        <h2>{title}</h2>
      </div>
      <dl class="fact-list">
        {facts
          .filter(([, value]) => value !== undefined && value !== '')
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  );
}
