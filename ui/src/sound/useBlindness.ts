import { useEffect, useRef } from 'react';
import { useSummary } from '../api/queries';
import { useSessionLeft } from '../api/session';
import { useFreshnessLevel, useLive } from '../live/LiveProvider';
import { missingProbes } from '../overview/missing';
import { serverNow, useEachSecond } from '../time/clock';

/** Why the page knows nothing of the present: nothing of the exporter is heard, or nobody probes. */
export type Blindness = 'lost' | 'probes' | 'never';

/** Time in milliseconds after which the page says again that it knows nothing. */
const REPEAT = 60_000;
/** Time before it says so first: a machine that wakes up hears the exporter within seconds. */
const PATIENCE = 5_000;

function useBlindness(): Blindness | null {
  const freshness = useFreshnessLevel();
  const summary = useSummary().data;
  const isLeft = useSessionLeft();
  return useEachSecond(() => {
    // Who logged out doesn't want to be called back.
    if (isLeft) return null;
    if (freshness === 'lost') return 'lost';
    return missingProbes(summary, serverNow())?.kind ?? null;
  });
}

/** Calls back when the page knows nothing of the present any more, and each minute while that lasts. */
export function useWhileBlind(isOn: boolean, announce: (why: Blindness) => void): void {
  const { heardAt } = useLive();
  const why = useBlindness();
  const latest = useRef(announce);
  latest.current = announce;
  useEffect(() => {
    if (!isOn || !why) return;
    let before = heardAt();
    const look = () => {
      // A browser runs the timers of a hidden page once a minute: something may have been heard between two.
      const isHeard = heardAt() !== before;
      before = heardAt();
      if (why !== 'lost' || !isHeard) latest.current(why);
      timer = setTimeout(look, REPEAT);
    };
    // An exporter that has just started is probed within a minute.
    let timer = setTimeout(look, why === 'never' ? REPEAT : PATIENCE);
    return () => clearTimeout(timer);
  }, [isOn, why, heardAt]);
}
