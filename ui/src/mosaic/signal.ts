import type { ChannelStatus } from '../api/types';

/** What a viewer sees or hears of these checks. */
const WORDS = {
  picture_frozen: 'frozen',
  picture_black: 'black',
  sound_silent: 'silent',
} as const;

export interface SignalFault {
  word: (typeof WORDS)[keyof typeof WORDS];
  since: string;
}

/** The faults of picture and sound that fit in one word, the worst first. */
export function signalFaults(failed: ChannelStatus['failed']): SignalFault[] {
  return failed.flatMap(({ check, since }) => (isKnown(check) ? [{ word: WORDS[check], since }] : []));
}

function isKnown(check: string): check is keyof typeof WORDS {
  return Object.hasOwn(WORDS, check);
}
