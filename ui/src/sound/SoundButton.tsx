import { Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLive } from '../live/LiveProvider';
import { patternFor, play } from './sound';
import { useUnattended, useWithoutAttended } from './useUnattended';

/** Time in milliseconds after which a critical fault on which nobody works sounds again. */
const REPEAT = 60_000;

/** Switches the sound on and off. It is off after each load: a browser plays nothing before a click. */
export function SoundButton() {
  const { t } = useTranslation();
  const { onState } = useLive();
  const [isOn, setOn] = useState(false);
  const isCritical = useUnattended().length > 0;
  const withoutAttended = useWithoutAttended();
  useEffect(() => {
    if (!isOn) return;
    return onState((changes, before) => {
      const pattern = patternFor(withoutAttended(changes), before);
      if (pattern) play(pattern);
    });
  }, [isOn, onState, withoutAttended]);
  useEffect(() => {
    if (!isOn || !isCritical) return;
    const timer = setInterval(() => play('critical'), REPEAT);
    return () => clearInterval(timer);
  }, [isOn, isCritical]);
  const toggle = () => {
    if (!isOn) play('minor');
    setOn(!isOn);
  };
  return (
    <Button size="xs" variant={isOn ? 'filled' : 'default'} aria-pressed={isOn} onClick={toggle}>
      {isOn ? t('sound.off') : t('sound.on')}
    </Button>
  );
}
