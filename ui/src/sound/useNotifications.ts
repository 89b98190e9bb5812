import { useCallback, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLive } from '../live/LiveProvider';
import { useLostText } from '../live/useLostText';
import { levelOf } from '../severity/severity';
import { namesOf, worsenedChannels } from './notification';
import { useWhileBlind } from './useBlindness';
import { useUnattended, useWithoutAttended } from './useUnattended';

const KEY = 'packager_exporter.notify';
/** Time in milliseconds after which a critical fault is announced again. */
const REPEAT = 60_000;
/** A notification with the same tag replaces the one before: a burst leaves one. */
const TAG = 'packager_exporter';
const TAG_BLIND = 'packager_exporter.blind';

export interface Notifications {
  /** Browsers allow notifications over HTTPS and on localhost alone. */
  isPossible: boolean;
  isOn: boolean;
  isRefused: boolean;
  toggle: () => Promise<void>;
}

/** Notifications of the desktop, on every screen. */
export function useNotifications(): Notifications {
  const { t } = useTranslation();
  const { onState } = useLive();
  const [isOn, setOn] = useState(() => isAllowed() && localStorage.getItem(KEY) === 'on');
  const [isRefused, setRefused] = useState(false);
  const unattended = useUnattended();
  const withoutAttended = useWithoutAttended();
  const text = useCallback(
    (channels: Parameters<typeof namesOf>[0]) => {
      const { names, more } = namesOf(channels);
      return more > 0 ? t('notify.more', { names, count: more }) : names;
    },
    [t],
  );
  useEffect(() => {
    if (!isOn) return;
    return onState((changes, before) => {
      const worse = worsenedChannels(withoutAttended(changes), before);
      const worst = worse[0];
      if (!worst) return;
      const level = t(`level.${levelOf(worst)}`);
      show(t('notify.title', { level, count: worse.length }), text(worse));
    });
  }, [isOn, onState, withoutAttended, t, text]);
  // The minute goes on while further channels become critical.
  const latest = useRef({ unattended, t, text });
  latest.current = { unattended, t, text };
  const isCritical = unattended.length > 0;
  useEffect(() => {
    if (!isOn || !isCritical) return;
    const timer = setInterval(() => {
      const now = latest.current;
      show(now.t('notify.still'), now.text(now.unattended));
    }, REPEAT);
    return () => clearInterval(timer);
  }, [isOn, isCritical]);
  const lostText = useLostText();
  useWhileBlind(isOn, (why) => show(t('app.title'), why === 'lost' ? lostText : t('notify.unprobed'), TAG_BLIND));
  const toggle = useCallback(async () => {
    const next = !isOn && (isAllowed() || (await Notification.requestPermission()) === 'granted');
    setRefused(!isOn && !next);
    setOn(next);
    localStorage.setItem(KEY, next ? 'on' : 'off');
  }, [isOn]);
  const isPossible = typeof Notification !== 'undefined' && window.isSecureContext;
  return { isPossible, isOn, isRefused, toggle };
}

function isAllowed(): boolean {
  return typeof Notification !== 'undefined' && Notification.permission === 'granted';
}

function show(title: string, body: string, tag = TAG): void {
  const options: NotificationOptions & { renotify: boolean } = { body, tag, renotify: true };
  const notification = new Notification(title, options);
  notification.onclick = () => {
    window.focus();
    notification.close();
  };
}
