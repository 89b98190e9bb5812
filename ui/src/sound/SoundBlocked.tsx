import { useTranslation } from 'react-i18next';
import { useSoundSwitch } from './AnnouncementProvider';

/** Says large that nothing will be heard although the sound is on: a browser plays nothing before a click. */
export function SoundBlocked() {
  const { t } = useTranslation();
  const sound = useSoundSwitch();
  if (!sound?.isBlocked) return null;
  return (
    <div className="sound-blocked" role="alert">
      <strong>{t('sound.blocked')}</strong> {t('sound.click')}
    </div>
  );
}
