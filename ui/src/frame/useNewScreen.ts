import { type RefObject, useEffect, useRef } from 'react';
import { useLocation } from 'wouter';

/**
 * Begins each screen at its top, and gives it the focus where what had it is gone: keys and screen readers go on from there. The
 * first screen of a load is left as the browser shows it.
 */
export function useNewScreen(content: RefObject<HTMLElement | null>): void {
  const [path] = useLocation();
  const before = useRef(path);
  useEffect(() => {
    if (before.current === path) return;
    before.current = path;
    content.current?.scrollTo(0, 0);
    const { activeElement } = document;
    if (!activeElement || activeElement === document.body) content.current?.focus({ preventScroll: true });
  }, [path, content]);
}
