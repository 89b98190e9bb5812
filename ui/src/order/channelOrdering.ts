import type { ChannelStatus } from '../api/types';
import { levelOf, rank, sortedWorstFirst } from '../severity/severity';
import type { Ordering } from './order';

/** Order of channels: the worst first. */
export const CHANNEL_ORDERING: Ordering<ChannelStatus> = {
  keyOf: (status) => status.code,
  sorted: sortedWorstFirst,
  rankOf: (status) => rank(levelOf(status)),
  quietRank: rank('up'),
};
