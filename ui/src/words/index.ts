import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { en } from './en';
import { vi } from './vi';

export const LANGUAGES = { en: 'English', vi: 'Tiếng Việt' } as const;
export type Language = keyof typeof LANGUAGES;

const KEY = 'packager_exporter.language';

/** The language that was chosen, else the browser's, else English. */
function first(): Language {
  const wanted = localStorage.getItem(KEY) ?? navigator.language;
  return wanted.toLowerCase().startsWith('vi') ? 'vi' : 'en';
}

export function setLanguage(language: Language): void {
  localStorage.setItem(KEY, language);
  void i18next.changeLanguage(language);
}

export function language(): Language {
  return i18next.language === 'vi' ? 'vi' : 'en';
}

// A key has dots of its own; React escapes every text.
void i18next.use(initReactI18next).init({
  lng: first(),
  fallbackLng: 'en',
  resources: { en: { translation: en }, vi: { translation: vi } },
  keySeparator: false,
  nsSeparator: false,
  interpolation: { escapeValue: false },
});
document.documentElement.lang = i18next.language;
i18next.on('languageChanged', (name) => {
  document.documentElement.lang = name;
});
