import { useTranslation } from 'react-i18next';
import type { ChannelStatus } from '../api/types';
import { COLORS, type Level, levelOf } from './severity';

const octagon = 'M7 2h6l5 5v6l-5 5H7l-5-5V7z';
const SHAPES: Record<Level, string> = {
  down: octagon,
  critical: octagon,
  major: 'M10 2l9 16H1z',
  minor: 'M10 1l9 9-9 9-9-9z',
  warning: 'M3 3h14v14H3z',
  unknown: 'M10 2a8 8 0 1 0 .01 0z',
  up: 'M10 4a6 6 0 1 0 .01 0z',
  disabled: 'M3 9h14v2H3z',
};

/** The shape of a level in its colour. It says nothing to a screen reader: a word stands beside it. */
export function Shape({ level, size = 14 }: { level: Level; size?: number }) {
  const dashed = level === 'unknown' ? '3 2' : undefined;
  return (
    <svg width={size} height={size} viewBox="0 0 20 20" aria-hidden="true" style={{ flex: 'none' }}>
      <path
        d={SHAPES[level]}
        fill={COLORS[level]}
        fillOpacity={level === 'unknown' ? 0.35 : 1}
        stroke="currentColor"
        strokeWidth={1.4}
        strokeDasharray={dashed}
      />
      {level === 'down' && <path d="M6.5 6.5l7 7M13.5 6.5l-7 7" stroke="#fff" strokeWidth={2.4} />}
    </svg>
  );
}

/** Shape and word of a level. */
export function Mark({ level }: { level: Level }) {
  const { t } = useTranslation();
  return (
    <span className="mark">
      <Shape level={level} />
      <span>{t(`level.${level}`)}</span>
    </span>
  );
}

/** Shape and word of a channel's state, with the severity of a channel that is degraded. */
export function StateMark({ status }: { status: Pick<ChannelStatus, 'state' | 'severity'> }) {
  const { t } = useTranslation();
  const level = levelOf(status);
  const word =
    status.state === 'degraded' ? `${t('state.degraded')} · ${t(`level.${level}`)}` : t(`state.${status.state}`);
  return (
    <span className="mark">
      <Shape level={level} />
      <span>{word}</span>
    </span>
  );
}
