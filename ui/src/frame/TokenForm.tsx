import { Button, PasswordInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLogIn } from '../api/queries';
import { useLoginNeeded } from '../api/session';

/** Logs in with a token while the exporter refuses to answer without a login. */
export function TokenForm() {
  const { t } = useTranslation();
  const logIn = useLogIn();
  const isNeeded = useLoginNeeded();
  const [text, setText] = useState('');
  if (!isNeeded) return null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const token = text.trim();
    if (token === '' || logIn.isPending) return;
    setText('');
    logIn.mutate(token);
  };
  return (
    <form className="box token" onSubmit={submit}>
      <strong>{t('token.title')}</strong>
      <p>{t('token.help')}</p>
      <PasswordInput
        label={t('token.label')}
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
        error={logIn.error ? t('token.refused', { reason: logIn.error.message }) : undefined}
        autoComplete="off"
      />
      <Button type="submit" mt="sm" loading={logIn.isPending}>
        {t('token.save')}
      </Button>
    </form>
  );
}
