import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useNotificationSwitch } from './AnnouncementProvider';

/** Switches notifications of the desktop on and off. */
export function NotifyButton() {
  const { t } = useTranslation();
  const notifications = useNotificationSwitch();
  if (!notifications?.isPossible) return null;
  const { isOn, isRefused, toggle } = notifications;
  return (
    <Button
      size="xs"
      variant={isOn ? 'filled' : 'default'}
      aria-pressed={isOn}
      title={isRefused ? t('notify.refused') : undefined}
      onClick={() => void toggle()}
    >
      {isRefused ? t('notify.refused') : isOn ? t('notify.off') : t('notify.on')}
    </Button>
  );
}
