import { useTranslation } from 'react-i18next';

/** Goes past the header to the content. A link would be relative to the base of all screens, and lead to another one. */
export function SkipLink() {
  const { t } = useTranslation();
  return (
    <button type="button" className="skip" onClick={() => document.getElementById('content')?.focus()}>
      {t('app.skip')}
    </button>
  );
}
