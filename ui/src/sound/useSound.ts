import { useCallback, useEffect, useState } from 'react';
import { useLive } from '../live/LiveProvider';
import { play, startAudio, useAudioRunning } from './audio';
import { patternFor } from './sound';
import { useWhileBlind } from './useBlindness';
import { useUnattended, useWithoutAttended } from './useUnattended';

const KEY = 'packager_exporter.sound';
/** Time in milliseconds after which a critical fault on which nobody works sounds again. */
const REPEAT = 60_000;

export interface Sound {
  isOn: boolean;
  /** Whether the sound is on and the browser plays nothing, as after a load until somebody clicks. */
  isBlocked: boolean;
  toggle: () => void;
}

/** The sound of the page. It stays on over screens and loads until somebody switches it off. */
export function useSound(): Sound {
  const { onState } = useLive();
  const [isOn, setOn] = useState(() => localStorage.getItem(KEY) === 'on');
  const isRunning = useAudioRunning();
  const isCritical = useUnattended().length > 0;
  const withoutAttended = useWithoutAttended();
  useEffect(() => {
    if (!isOn) return;
    void startAudio();
    // The first click or key on the page allows the sound.
    const start = () => void startAudio();
    const gestures = ['pointerdown', 'keydown'];
    for (const gesture of gestures) addEventListener(gesture, start);
    return () => {
      for (const gesture of gestures) removeEventListener(gesture, start);
    };
  }, [isOn]);
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
  useWhileBlind(isOn, () => play('blind'));
  const toggle = useCallback(() => {
    localStorage.setItem(KEY, isOn ? 'off' : 'on');
    setOn(!isOn);
    if (!isOn) void startAudio().then(() => play('minor'));
  }, [isOn]);
  return { isOn, isBlocked: isOn && !isRunning, toggle };
}
