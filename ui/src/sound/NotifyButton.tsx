import { useTranslation } from 'react-i18next';
import { useNotificationSwitch } from './AnnouncementProvider';
import { SwitchButton } from './SwitchButton';

/** Switches notifications of the desktop on and off. */
export function NotifyButton() {
  const { t } = useTranslation();
  const notifications = useNotificationSwitch();
  if (!notifications?.isPossible) return null;
  const { isOn, isRefused, toggle } = notifications;
  return (
    <>
      <SwitchButton label={t('notify.label')} isOn={isOn} onToggle={() => void toggle()} />
      {isRefused && <span role="alert">{t('notify.refused')}</span>}
    </>
  );
}
