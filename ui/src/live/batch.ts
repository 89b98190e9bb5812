/** Shortest and longest time in milliseconds over which changes are collected before they are drawn. */
const SHORTEST = 100;
const LONGEST = 1_000;
/** The pause is as many times longer than the drawing before it: drawing takes at most a fifth of the time. */
const SHARE = 4;

/** The pause before the next drawing in milliseconds, when the last one took `cost`. */
export function pauseAfter(cost: number): number {
  return Math.min(LONGEST, Math.max(SHORTEST, cost * SHARE));
}

export interface Batch<T> {
  add: (item: T) => void;
  stop: () => void;
}

/** Collects items, and hands them over together. The slower they are drawn, the longer it collects. */
export function batch<T>(draw: (items: T[]) => void, clock = () => performance.now()): Batch<T> {
  let items: T[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pause = SHORTEST;
  const flush = () => {
    const began = clock();
    const ready = items;
    items = [];
    timer = undefined;
    draw(ready);
    // The page is drawn after this function.
    setTimeout(() => {
      pause = pauseAfter(clock() - began);
    }, 0);
  };
  return {
    add: (item) => {
      items.push(item);
      timer ??= setTimeout(flush, pause);
    },
    stop: () => clearTimeout(timer),
  };
}
