import { TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { SEARCH_ID } from '../keys/useKeys';

/** The search field of a screen, which the key `/` focuses. A screen has one at most. */
export function SearchBox({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation();
  return (
    <TextInput
      id={SEARCH_ID}
      size="xs"
      type="search"
      label={t('filter.search')}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
