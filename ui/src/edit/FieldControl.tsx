import { Checkbox, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Field } from './fields';

/** Names for the ids of other tables, by the field that holds the id. */
export type Lists = Record<string, { value: string; label: string }[]>;

interface Props {
  field: Field;
  text: string;
  isReadOnly: boolean;
  isChanged: boolean;
  lists: Lists;
  faults: string[];
  onChange: (text: string) => void;
}

/** The control of one field, with the reasons why it was refused. */
export function FieldControl({ field, text, isReadOnly, isChanged, lists, faults, onChange }: Props) {
  const { t, i18n } = useTranslation();
  // A field of a later exporter has the name of its column.
  const name = i18n.exists(`field.${field.name}`) ? t(`field.${field.name}`) : field.name;
  const common = {
    label: isChanged ? `${name} *` : name,
    name: field.name,
    disabled: isReadOnly,
    error: faults.length > 0 ? faults.join(' ') : undefined,
    description: isReadOnly ? t('edit.code') : field.help || undefined,
  };
  const list = lists[field.name];
  if (list || field.kind === 'choice') {
    const options = list ?? ['true', 'false'].map((value) => ({ value, label: t(`edit.${value}`) }));
    return (
      <NativeSelect
        {...common}
        value={text}
        onChange={(event) => onChange(event.currentTarget.value)}
        data={[{ value: '', label: t('edit.unset') }, ...options]}
      />
    );
  }
  if (field.kind === 'flag') {
    return (
      <Checkbox
        {...common}
        checked={text === 'true'}
        onChange={(event) => onChange(String(event.currentTarget.checked))}
      />
    );
  }
  if (field.kind === 'json') {
    return (
      <Textarea
        {...common}
        value={text}
        spellCheck={false}
        placeholder="{ }"
        autosize={false}
        rows={Math.min(12, Math.max(2, text.split('\n').length))}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    );
  }
  const isNumber = field.kind === 'integer' || field.kind === 'number';
  return (
    <TextInput
      {...common}
      value={text}
      maxLength={field.maxLength}
      inputMode={isNumber ? 'decimal' : undefined}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
