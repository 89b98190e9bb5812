import { type FocusEvent, type MouseEvent, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { type Held, hold, type Ordering, ordered, worsened } from './order';

/** Time in milliseconds without any movement after which nobody reads any more. */
const PATIENCE = 60_000;

/** The handlers of an element with rows that somebody may read. */
export interface Reader {
  onMouseEnter: () => void;
  onMouseMove: () => void;
  onFocus: () => void;
  onKeyDownCapture: () => void;
  onWheel: () => void;
  onMouseLeave: (event: MouseEvent) => void;
  onBlur: (event: FocusEvent) => void;
}

export interface HeldOrder<T> {
  rows: T[];
  /** The number of rows that got worse since the order is held. */
  worse: number;
  release: () => void;
  reader: Reader;
}

/**
 * The rows in their order, which is held while somebody reads: the pointer or the focus is among the rows, and moved within the last
 * minute.
 */
export function useHeldOrder<T>(rows: T[], ordering: Ordering<T>): HeldOrder<T> {
  const [held, setHeld] = useState<Held | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const shown = useMemo(() => ordered(rows, ordering, held), [rows, ordering, held]);
  const latest = useRef(shown);
  latest.current = shown;
  const release = useCallback(() => {
    clearTimeout(timer.current);
    setHeld(null);
  }, []);
  useEffect(() => () => clearTimeout(timer.current), []);
  // Who chooses another order wants to see it.
  const [chosen, setChosen] = useState(ordering);
  if (chosen !== ordering) {
    setChosen(ordering);
    setHeld(null);
  }
  const reader = useMemo(() => {
    const read = () => {
      clearTimeout(timer.current);
      timer.current = setTimeout(release, PATIENCE);
      setHeld((before) => before ?? hold(latest.current, ordering));
    };
    const hasFocus = (element: Element) => element.contains(document.activeElement);
    return {
      onMouseEnter: read,
      onMouseMove: read,
      onFocus: read,
      onKeyDownCapture: read,
      onWheel: read,
      onMouseLeave: (event: MouseEvent) => !hasFocus(event.currentTarget) && release(),
      onBlur: (event: FocusEvent) => !event.currentTarget.contains(event.relatedTarget) && release(),
    };
  }, [ordering, release]);
  const worse = useMemo(() => (held ? worsened(rows, ordering, held) : 0), [rows, ordering, held]);
  return { rows: shown, worse, release, reader };
}

/** Releases the order when the rows disappear: no pointer leaves what is gone. */
export function useReleaseAtEnd(release: () => void): void {
  useEffect(() => release, [release]);
}
