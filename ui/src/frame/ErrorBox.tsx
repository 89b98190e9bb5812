import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';

/** Why something could not be read, with the exporter's own words, and the next step. */
export function ErrorBox({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="box" role="alert">
      <strong>{t('error.title')}</strong>
      <p>{error.message}</p>
      <Button size="xs" variant="default" onClick={onRetry}>
        {t('error.retry')}
      </Button>
    </div>
  );
}
