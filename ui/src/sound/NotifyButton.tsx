import { Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLive } from '../live/LiveProvider';
import { levelOf } from '../severity/severity';
import { namesOf, worsenedChannels } from './notification';
import { useUnattended, useWithoutAttended } from './useUnattended';

const KEY = 'packager_exporter.notify';
/** Time in milliseconds after which a critical fault is announced again. */
const REPEAT = 60_000;
/** A notification with the same tag replaces the one before: a burst leaves one. */
const TAG = 'packager_exporter';

/** Switches notifications of the desktop on and off. Browsers allow them over HTTPS and on localhost alone. */
export function NotifyButton() {
  const { t } = useTranslation();
  const { onState } = useLive();
  const [isOn, setOn] = useState(() => isAllowed() && localStorage.getItem(KEY) === 'on');
  const [isRefused, setRefused] = useState(false);
  const unattended = useUnattended();
  const withoutAttended = useWithoutAttended();
  const { names, more } = namesOf(unattended);
  useEffect(() => {
    if (!isOn) return;
    return onState((changes, before) => {
      const worse = worsenedChannels(withoutAttended(changes), before);
      const worst = worse[0];
      if (!worst) return;
      const level = t(`level.${levelOf(worst)}`);
      const shown = namesOf(worse);
      show(t('notify.title', { level, count: worse.length }), text(shown.names, shown.more));
    });
    function text(first: string, others: number) {
      return others > 0 ? t('notify.more', { names: first, count: others }) : first;
    }
  }, [isOn, onState, withoutAttended, t]);
  useEffect(() => {
    if (!isOn || names === '') return;
    const timer = setInterval(() => {
      show(t('notify.still'), more > 0 ? t('notify.more', { names, count: more }) : names);
    }, REPEAT);
    return () => clearInterval(timer);
  }, [isOn, names, more, t]);
  if (typeof Notification === 'undefined' || !window.isSecureContext) return null;
  const toggle = async () => {
    const next = !isOn && (isAllowed() || (await Notification.requestPermission()) === 'granted');
    setRefused(!isOn && !next);
    setOn(next);
    localStorage.setItem(KEY, next ? 'on' : 'off');
  };
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

function isAllowed(): boolean {
  return typeof Notification !== 'undefined' && Notification.permission === 'granted';
}

function show(title: string, body: string): void {
  const options: NotificationOptions & { renotify: boolean } = { body, tag: TAG, renotify: true };
  const notification = new Notification(title, options);
  notification.onclick = () => {
    window.focus();
    notification.close();
  };
}
