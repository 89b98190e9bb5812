import { TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useCaller } from '../api/queries';

/** Who acts. The exporter takes the name of who is logged in and no other; without a login, a person writes the name. */
export function NameField({ value, onChange }: { value: string; onChange: (name: string) => void }) {
  const { t } = useTranslation();
  const caller = useCaller().data;
  if (caller && ['session', 'user', 'proxy'].includes(caller.identity)) {
    return <p>{t('ack.as', { name: caller.name })}</p>;
  }
  return (
    <TextInput
      label={t('ack.by')}
      value={value}
      maxLength={128}
      onChange={(event) => onChange(event.currentTarget.value)}
      data-autofocus
    />
  );
}
