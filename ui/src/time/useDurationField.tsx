import { NativeSelect, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useDuration } from './Ago';
import { useNow } from './clock';
import { secondsUntil } from './until';

const KEY = 'packager_exporter.shift_end';
const UNTIL = 'until';

interface DurationField {
  field: ReactNode;
  /** The chosen length of time as the exporter reads it, such as `1h` or `7200s`, from now on. */
  duration: () => string;
}

/** A choice of how long something lasts: some hours, or until a time of day, such as the end of a shift, which the browser remembers. */
export function useDurationField(longer: { value: string; label: string }[] = []): DurationField {
  const { t } = useTranslation();
  const [choice, setChoice] = useState('1h');
  const [end, setEnd] = useState(() => localStorage.getItem(KEY) ?? '06:00');
  const field = (
    <>
      <NativeSelect
        label={t('ack.for')}
        value={choice}
        onChange={(event) => setChoice(event.currentTarget.value)}
        data={[
          { value: '30m', label: t('ack.30m') },
          { value: '1h', label: t('ack.1h') },
          { value: '4h', label: t('ack.4h') },
          { value: '8h', label: t('ack.8h') },
          ...longer,
          { value: UNTIL, label: t('ack.until') },
        ]}
      />
      {choice === UNTIL && <EndField end={end} onChange={setEnd} />}
    </>
  );
  const duration = () => {
    if (choice !== UNTIL) return choice;
    localStorage.setItem(KEY, end);
    return `${secondsUntil(end, Date.now()) ?? 0}s`;
  };
  return { field, duration };
}

function EndField({ end, onChange }: { end: string; onChange: (end: string) => void }) {
  const { t } = useTranslation();
  const duration = useDuration();
  // The end of a shift is read from the clock on the wall here, and not from that of the exporter.
  useNow();
  const seconds = secondsUntil(end, Date.now());
  return (
    <TextInput
      type="time"
      required
      label={t('ack.end')}
      description={seconds !== null && t('ack.endsIn', { time: duration(seconds) })}
      value={end}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
