import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useServices } from '../app/services.ts';

export interface PageHeadProps {
  readonly title: string;
  /** The parent view with its link. */
  readonly parent?: { readonly href: string; readonly title: string };
  readonly aside?: ComponentChildren;
  readonly children?: ComponentChildren;
}

let isFirst = true;

/**
 * Title and actions of a view. A new view moves the focus to its title, so that screen readers announce it and Tab
 * continues from there.
 */
export function PageHead({ title, parent, aside, children }: PageHeadProps): JSX.Element {
  const { title: pageTitle } = useServices();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    pageTitle.showView(title);
  }, [title]);
  useEffect(() => {
    // The browser starts reading at the first view without help, and the key `/` opens a view at its search box.
    const isTaken = ['dialog[open]', 'input[data-search]:focus'].some((each) => document.querySelector(each) !== null);
    if (!isFirst && !isTaken) heading.current?.focus({ preventScroll: true });
    isFirst = false;
  }, []);
  return (
    <div class="page-head">
      <div class="page-title">
        {parent && (
          <a class="dim" href={parent.href}>
            {parent.title}
          </a>
        )}
        {parent && (
          <span class="dim" aria-hidden="true">
            /
          </span>
        )}
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {aside}
      </div>
      {children && <div class="actions">{children}</div>}
    </div>
  );
}
