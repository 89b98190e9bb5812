/** Time in milliseconds over which events that ask for the same read are collected. */
const PAUSE = 500;

export interface CalmRead {
  ask: () => void;
  stop: () => void;
}

/**
 * Reads after events, however many they are: no read is cancelled for a later event, no two run at once, and one always begins
 * after the last event.
 */
export function calmRead(read: () => Promise<unknown>): CalmRead {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isReading = false;
  let isAsked = false;
  const run = async () => {
    timer = undefined;
    isReading = true;
    isAsked = false;
    await read().catch(() => undefined);
    isReading = false;
    if (isAsked) ask();
  };
  const ask = () => {
    isAsked = true;
    if (!isReading) timer ??= setTimeout(() => void run(), PAUSE);
  };
  return {
    ask,
    stop: () => clearTimeout(timer),
  };
}
