import { useEffect, useState } from 'react';
import { exporterUrl, noteAnswer } from '../api/client';
import { serverNow } from '../time/clock';
import { madeAt, type Picture } from './picture';

/** Time in milliseconds between two requests for the picture of a channel. */
const REFRESH = 15_000;
/** Time after which a channel without a picture is asked for again. */
const ABSENT_REFRESH = 60_000;

/** The channel's newest picture, while the component is on the screen; `null` when there is none. */
export function useThumbnail(code: string): Picture | null {
  const [shown, setShown] = useState<Picture | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last: Picture | null = null;
    const show = (next: Picture | null) => {
      setShown(next);
      if (last) URL.revokeObjectURL(last.address);
      last = next;
    };
    const read = async () => {
      let pause = REFRESH;
      try {
        const path = `/api/v1/channels/${encodeURIComponent(code)}/thumbnail`;
        const answer = await fetch(`${exporterUrl}${path}`, { signal: stop.signal });
        if (noteAnswer(answer).ok) {
          const picture = await answer.blob();
          if (stop.signal.aborted) return;
          show({ address: URL.createObjectURL(picture), madeAt: madeAt(answer.headers.get('age'), serverNow()) });
        } else if (answer.status === 404) {
          show(null);
          pause = ABSENT_REFRESH;
        }
      } catch {
        // The network, or the component is gone. The last picture stays, and becomes old.
      }
      if (!stop.signal.aborted) timer = setTimeout(() => void read(), pause);
    };
    void read();
    return () => {
      stop.abort();
      clearTimeout(timer);
      if (last) URL.revokeObjectURL(last.address);
    };
  }, [code]);
  return shown;
}
