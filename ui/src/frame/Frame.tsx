import { Button, NativeSelect, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { type ReactNode, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useRoute } from 'wouter';
import { useCaller, useLogOut, useProbingUrl } from '../api/queries';
import { FreshMain } from '../live/FreshMain';
import { Cards } from '../overview/Cards';
import { MissingLine } from '../overview/MissingLine';
import { PrintedAt } from '../print/PrintedAt';
import { NotifyButton } from '../sound/NotifyButton';
import { SoundBlocked } from '../sound/SoundBlocked';
import { SoundButton } from '../sound/SoundButton';
import { LANGUAGES, type Language, language, setLanguage } from '../words';
import { FreshnessMark, LostBanner } from './FreshnessMark';
import { useInstallationName } from './installation';
import { SkipLink } from './SkipLink';
import { TokenForm } from './TokenForm';
import { useNewScreen } from './useNewScreen';

function NavLink({ to, children }: { to: string; children: ReactNode }) {
  const [isHere] = useRoute(`${to}/*?`);
  return (
    <Link href={to} className="nav-link" aria-current={isHere ? 'page' : undefined}>
      {children}
    </Link>
  );
}

/** Leads to the exporter's own page, where its address is known. */
function ExporterLink() {
  const { t } = useTranslation();
  const url = useProbingUrl()?.('/');
  if (!url) return null;
  return (
    <a className="nav-link" href={url}>
      {t('nav.exporter')}
    </a>
  );
}

function ThemeButton() {
  const { t } = useTranslation();
  const { setColorScheme } = useMantineColorScheme();
  const isDark = useComputedColorScheme('dark') === 'dark';
  return (
    <Button size="xs" variant="default" onClick={() => setColorScheme(isDark ? 'light' : 'dark')}>
      {isDark ? t('theme.light') : t('theme.dark')}
    </Button>
  );
}

function LanguageSelect() {
  const { t } = useTranslation();
  return (
    <NativeSelect
      size="xs"
      aria-label={t('language.label')}
      value={language()}
      onChange={(event) => setLanguage(event.currentTarget.value as Language)}
      data={Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))}
    />
  );
}

/** What stands around every screen but the wall. Its content turns grey while the exporter does not answer. */
export function Frame({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const content = useRef<HTMLElement>(null);
  useNewScreen(content);
  const caller = useCaller();
  const installation = useInstallationName();
  const logOut = useLogOut();
  return (
    <>
      <header className="header">
        <SkipLink />
        <h1>
          {t('app.title')} <small>{installation}</small>
        </h1>
        <nav>
          <NavLink to="/channels">{t('nav.channels')}</NavLink>
          <NavLink to="/alerts">{t('nav.alerts')}</NavLink>
          <NavLink to="/metrics">{t('nav.metrics')}</NavLink>
          <NavLink to="/mosaic">{t('nav.mosaic')}</NavLink>
          <NavLink to="/wall">{t('nav.wall')}</NavLink>
          <ExporterLink />
        </nav>
        <div className="tools">
          <FreshnessMark />
          <SoundButton />
          <NotifyButton />
          <ThemeButton />
          <LanguageSelect />
          {caller.data?.identity === 'session' && (
            <Button size="xs" variant="default" loading={logOut.isPending} onClick={() => logOut.mutate()}>
              {t('token.forget', { name: caller.data.name })}
            </Button>
          )}
          {caller.data && ['user', 'proxy'].includes(caller.data.identity) && <span>{caller.data.name}</span>}
          {logOut.error && <span role="alert">{t('token.kept', { reason: logOut.error.message })}</span>}
        </div>
      </header>
      <LostBanner />
      <FreshMain id="content" ref={content} tabIndex={-1}>
        <PrintedAt />
        <SoundBlocked />
        <TokenForm />
        <Cards />
        <MissingLine />
        {children}
      </FreshMain>
    </>
  );
}
