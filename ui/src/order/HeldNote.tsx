import { useTranslation } from 'react-i18next';

/** Says how many rows got worse while the order is held, and sorts again. */
export function HeldNote({ worse, onRelease }: { worse: number; onRelease: () => void }) {
  const { t } = useTranslation();
  if (worse === 0) return null;
  return (
    <>
      {' · '}
      <strong>{t('order.held', { count: worse })}</strong>{' '}
      <button type="button" className="link" onClick={onRelease}>
        {t('order.release')}
      </button>
    </>
  );
}
