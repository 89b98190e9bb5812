import { Button, PasswordInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { refresh } from '../api/queries';
import { setToken, useTokenNeeded } from '../api/session';

/** Asks for a token while the exporter refuses to answer without one. */
export function TokenForm() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const isNeeded = useTokenNeeded();
  const [text, setText] = useState('');
  if (!isNeeded) return null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === '') return;
    setToken(text.trim());
    setText('');
    void refresh(client);
  };
  return (
    <form className="box token" onSubmit={submit}>
      <strong>{t('token.title')}</strong>
      <p>{t('token.help')}</p>
      <PasswordInput
        label={t('token.label')}
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
        autoComplete="off"
      />
      <Button type="submit" mt="sm">
        {t('token.save')}
      </Button>
    </form>
  );
}
