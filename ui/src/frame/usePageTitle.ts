import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { useSummary } from '../api/queries';
import { useFreshnessLevel } from '../live/LiveProvider';
import { useInstallationName } from './installation';

/** Words for the first part of a path; a channel's own pages have its code. */
const SCREENS: Record<string, string> = {
  channels: 'nav.channels',
  alerts: 'nav.alerts',
  metrics: 'nav.metrics',
  mosaic: 'nav.mosaic',
  wall: 'nav.wall',
  'new-channel': 'edit.new',
  import: 'import.title',
};

/** The title of the browser's tab: what is wrong, where, and which screen. A narrow tab shows its beginning alone. */
export function usePageTitle(): void {
  const { t } = useTranslation();
  const [path] = useLocation();
  const isLost = useFreshnessLevel() === 'lost';
  const down = useSummary().data?.states.down ?? 0;
  const installation = useInstallationName();
  const [, first = '', code] = path.split('/');
  const word = SCREENS[first];
  const screen = code ? decoded(code) : word && t(word);
  const news = isLost ? t('wall.noData') : down > 0 && `${down} ${t('level.down')}`;
  const title = [news, installation, screen].filter(Boolean).join(' · ');
  useEffect(() => {
    document.title = title;
  }, [title]);
}

/** A part of a path in plain text. What a person typed may not be encoded well. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
