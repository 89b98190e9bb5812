import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useSoundSwitch } from './AnnouncementProvider';

/** Switches the sound on and off. */
export function SoundButton() {
  const { t } = useTranslation();
  const sound = useSoundSwitch();
  if (!sound) return null;
  const { isOn, toggle } = sound;
  return (
    <Button size="xs" variant={isOn ? 'filled' : 'default'} aria-pressed={isOn} onClick={toggle}>
      {isOn ? t('sound.off') : t('sound.on')}
    </Button>
  );
}
