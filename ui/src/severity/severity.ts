import type { ChannelStatus } from '../api/types';

export const SEVERITIES = ['critical', 'major', 'minor', 'warning'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const STATES = ['down', 'degraded', 'unknown', 'up', 'disabled'] as const;
export type State = (typeof STATES)[number];

/** What a shape and a colour stand for. */
export type Level = Severity | 'down' | 'unknown' | 'up' | 'disabled';

/** Colours of Okabe and Ito, which people with every kind of colour vision tell apart. A healthy channel has none. */
export const COLORS: Record<Level, string> = {
  down: '#d55e00',
  critical: '#d55e00',
  major: '#e69f00',
  minor: '#56b4e9',
  warning: '#f0e442',
  unknown: '#cc79a7',
  up: 'transparent',
  disabled: 'transparent',
};

const RANKS: Record<Level, number> = {
  down: 7,
  critical: 6,
  major: 5,
  minor: 4,
  unknown: 3,
  warning: 2,
  up: 1,
  disabled: 0,
};

export function isSeverity(text: string | null | undefined): text is Severity {
  return SEVERITIES.some((severity) => severity === text);
}

/** The level by which a channel is shown. */
export function levelOf(status: Pick<ChannelStatus, 'state' | 'severity'>): Level {
  switch (status.state) {
    case 'down':
    case 'unknown':
    case 'disabled':
      return status.state;
    case 'degraded':
    case 'up':
      return isSeverity(status.severity) ? status.severity : 'up';
  }
}

/** A larger rank is worse. */
export function rank(level: Level): number {
  return RANKS[level];
}

/** Order of two channels of these ranks: the worst first, then the newest, then by code. */
function byRank(a: ChannelStatus, rankOfA: number, b: ChannelStatus, rankOfB: number): number {
  if (rankOfA !== rankOfB) return rankOfB - rankOfA;
  const [since, other] = [a.since ?? '', b.since ?? ''];
  if (since !== other && rankOfA > RANKS.up) return since < other ? 1 : -1;
  // Codes are plain: the rules of a language would take ten times as long.
  return a.code < b.code ? -1 : Number(a.code > b.code);
}

/** Order of channels: the worst first, then the newest, then by code. */
export function worstFirst(a: ChannelStatus, b: ChannelStatus): number {
  return byRank(a, rank(levelOf(a)), b, rank(levelOf(b)));
}

/** The channels, the worst first. The rank of each is found once: there may be thousands. */
export function sortedWorstFirst(channels: ChannelStatus[]): ChannelStatus[] {
  return channels
    .map((status) => ({ status, rank: rank(levelOf(status)) }))
    .sort((a, b) => byRank(a.status, a.rank, b.status, b.rank))
    .map(({ status }) => status);
}

/** Order of severities of alerts; an unknown one is the last. */
export function severityRank(severity: string | null | undefined): number {
  return isSeverity(severity) ? rank(severity) : -1;
}
