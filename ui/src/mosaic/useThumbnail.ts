import { useEffect, useState } from 'react';
import { exporterUrl } from '../api/client';

/** Time in milliseconds between two requests for the picture of a channel. */
const REFRESH = 15_000;
/** Time after which a channel without a picture is asked for again. */
const ABSENT_REFRESH = 60_000;

/** Address of the channel's newest picture, while the component is on the screen; `null` when there is none. */
export function useThumbnail(code: string): string | null {
  const [address, setAddress] = useState<string | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let shown: string | null = null;
    const show = (next: string | null) => {
      setAddress(next);
      if (shown) URL.revokeObjectURL(shown);
      shown = next;
    };
    const read = async () => {
      let pause = REFRESH;
      try {
        const path = `/api/v1/channels/${encodeURIComponent(code)}/thumbnail`;
        const answer = await fetch(`${exporterUrl}${path}`, { signal: stop.signal });
        if (answer.ok) {
          const picture = await answer.blob();
          if (stop.signal.aborted) return;
          show(URL.createObjectURL(picture));
        } else if (answer.status === 404) {
          show(null);
          pause = ABSENT_REFRESH;
        }
      } catch {
        // The network, or the component is gone. The last picture stays: the page says how current it is.
      }
      if (!stop.signal.aborted) timer = setTimeout(() => void read(), pause);
    };
    void read();
    return () => {
      stop.abort();
      clearTimeout(timer);
      if (shown) URL.revokeObjectURL(shown);
    };
  }, [code]);
  return address;
}
