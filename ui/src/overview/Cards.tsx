import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useAlerts, useSummary } from '../api/queries';
import { writeFilters } from '../channels/filters';
import { Shape } from '../severity/Mark';
import type { Level } from '../severity/severity';

interface Card {
  key: string;
  label: string;
  count: number | undefined;
  href: string;
  level?: Level;
  note?: string;
}

/** The numbers that a shift looks at first. Each is a link to the channels that it counts. */
export function Cards() {
  const { t } = useTranslation();
  const { data } = useSummary();
  const { data: alerts } = useAlerts();
  const firing = (severity: string) => {
    const count = alerts?.filter((alert) => alert.severity === severity && alert.status === 'firing').length;
    return count ? { note: t('card.alerts', { count }) } : {};
  };
  const cards: Card[] = [
    { key: 'active', label: t('card.active'), count: data?.active, href: writeFilters({ active: 'true' }) },
    { key: '4k', label: t('card.4k'), count: data?.is_4k, href: writeFilters({ '4k': 'true', active: 'true' }) },
    {
      key: 'critical',
      label: t('card.critical'),
      count: data?.severities.critical,
      href: writeFilters({ severity: 'critical' }),
      level: 'critical',
      ...firing('critical'),
    },
    {
      key: 'major',
      label: t('card.major'),
      count: data?.severities.major,
      href: writeFilters({ severity: 'major' }),
      level: 'major',
      ...firing('major'),
    },
    {
      key: 'down',
      label: t('card.down'),
      count: data?.states.down,
      href: writeFilters({ state: 'down' }),
      level: 'down',
    },
    {
      key: 'unknown',
      label: t('card.unknown'),
      count: data?.states.unknown,
      href: writeFilters({ state: 'unknown' }),
      level: 'unknown',
    },
  ];
  return (
    <ul className="cards">
      {cards.map((card) => (
        <li key={card.key}>
          <Link
            href={`/channels${card.href ? `?${card.href}` : ''}`}
            className="card"
            data-bad={Boolean(card.level && card.count)}
          >
            <span className="card-label">
              {card.level && card.count ? <Shape level={card.level} /> : null}
              {card.label}
            </span>
            <span className="card-count">{card.count ?? '–'}</span>
            <span className="card-note">{card.note}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
