import { useTranslation } from 'react-i18next';
import { useSoundSwitch } from './AnnouncementProvider';
import { SwitchButton } from './SwitchButton';

/** Switches the sound on and off. */
export function SoundButton() {
  const { t } = useTranslation();
  const sound = useSoundSwitch();
  if (!sound) return null;
  return <SwitchButton label={t('sound.label')} isOn={sound.isOn} onToggle={sound.toggle} />;
}
