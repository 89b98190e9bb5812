import { memo, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import type { ChannelStatus } from '../api/types';
import { StateMark } from '../severity/Mark';
import { COLORS, levelOf, sortedWorstFirst } from '../severity/severity';
import { Ago } from '../time/Ago';
import { verdictOf } from './verdict';

const WORST = 10;

interface Props {
  all: ChannelStatus[] | undefined;
  error: Error | null;
  channels: ChannelStatus[];
}

/** The ten worst channels, or why there are none. */
export const Worst = memo(function Worst({ all, error, channels }: Props) {
  const { t } = useTranslation();
  const verdict = useMemo(() => verdictOf({ all, error, channels }), [all, error, channels]);
  switch (verdict.kind) {
    case 'bad':
      return <WorstList bad={verdict.channels} />;
    case 'unread':
      return <p className="wall-well">{t('channels.loading')}</p>;
    case 'failed':
      return <p className="wall-well">{t('wall.failed', { why: verdict.why })}</p>;
    case 'none':
      return <p className="wall-well">{t('channels.none')}</p>;
    case 'noMatch':
      return <p className="wall-well">{t('channels.noMatch')}</p>;
    case 'allWell':
      return <p className="wall-well">{t('wall.allWell')}</p>;
    case 'unknown':
    case 'wellButUnknown':
      return <p className="wall-well">{t(`wall.${verdict.kind}`, { count: verdict.count })}</p>;
  }
});

function WorstList({ bad }: { bad: ChannelStatus[] }) {
  const { t } = useTranslation();
  const worst = useMemo(() => sortedWorstFirst(bad).slice(0, WORST), [bad]);
  return (
    <section className="worst" aria-label={t('wall.worst')}>
      {worst.map((channel) => (
        <Link
          key={channel.code}
          href={`/channels/${encodeURIComponent(channel.code)}`}
          className="worst-one"
          style={{ borderColor: COLORS[levelOf(channel)] }}
        >
          <span>
            <strong>{channel.code}</strong> {channel.name !== channel.code && <small>{channel.name}</small>}
          </span>
          <StateMark status={channel} />
          <span className="worst-check">{channel.failed[0]?.check}</span>
          <Ago at={channel.since} atLeast={!channel.since_exact} />
        </Link>
      ))}
      {bad.length > WORST && <span className="worst-more">{t('wall.more', { count: bad.length - WORST })}</span>}
    </section>
  );
}
