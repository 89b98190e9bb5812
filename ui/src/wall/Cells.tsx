import { useElementSize } from '@mantine/hooks';
import { memo, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import type { ChannelStatus } from '../api/types';
import { Shape } from '../severity/Mark';
import { COLORS, levelOf, rank, sortedWorstFirst } from '../severity/severity';
import { SIDE_WITH_CODE, wallLayout } from './layout';

/** A cell for each channel, the worst first: where not all fit, healthy ones are left out. */
export const Cells = memo(function Cells({ channels }: { channels: ChannelStatus[] }) {
  const { t } = useTranslation();
  const { ref, width, height } = useElementSize();
  const { side, fitting } = wallLayout(channels.length, width, height);
  const sorted = useMemo(() => sortedWorstFirst(channels), [channels]);
  const left = channels.length - fitting;
  return (
    <>
      <div
        ref={ref}
        className="cells"
        style={{ gridTemplateColumns: `repeat(auto-fill, ${side}px)`, gridAutoRows: `${side}px` }}
      >
        {sorted.slice(0, fitting).map((channel) => (
          <Cell key={channel.code} channel={channel} side={side} />
        ))}
      </div>
      {left > 0 && <p className="cells-left">{t('wall.notShown', { count: left })}</p>}
    </>
  );
});

const Cell = memo(function Cell({ channel, side }: { channel: ChannelStatus; side: number }) {
  const { t } = useTranslation();
  const level = levelOf(channel);
  const name = `${channel.code}: ${t(`level.${level}`)}`;
  const isBad = rank(level) > rank('warning');
  return (
    <Link
      href={`/channels/${encodeURIComponent(channel.code)}`}
      className="cell"
      data-level={level}
      title={name}
      aria-label={name}
      style={{ borderColor: COLORS[level] === 'transparent' ? undefined : COLORS[level] }}
    >
      {isBad && <Shape level={level} size={Math.min(side - 4, 28)} />}
      {isBad && side >= SIDE_WITH_CODE && <span className="cell-code">{channel.code}</span>}
    </Link>
  );
});
