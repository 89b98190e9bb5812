import { useEffect, useState } from 'react';
import { flushSync } from 'react-dom';

/** Largest number of rows that are printed. */
export const MAX_PRINTED = 1000;

/** Whether the browser prints the page now: rows that are not on the screen must be on the paper too. */
export function useIsPrinting(): boolean {
  const [isPrinting, setPrinting] = useState(false);
  useEffect(() => {
    // The browser takes the page as it is after this event.
    const onBefore = () => flushSync(() => setPrinting(true));
    const onAfter = () => setPrinting(false);
    addEventListener('beforeprint', onBefore);
    addEventListener('afterprint', onAfter);
    return () => {
      removeEventListener('beforeprint', onBefore);
      removeEventListener('afterprint', onAfter);
    };
  }, []);
  return isPrinting;
}
