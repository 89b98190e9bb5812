import { Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { Redirect, Route, Switch, useLocation } from 'wouter';
import { ChannelsScreen } from './channels/ChannelsScreen';
import { ErrorBoundary } from './frame/ErrorBoundary';
import { Frame } from './frame/Frame';
import { OnceOpen } from './frame/OnceOpen';
import { usePageTitle } from './frame/usePageTitle';
import { useKeys } from './keys/useKeys';
import {
  AlertsScreen,
  ChannelScreen,
  EditScreen,
  ImportScreen,
  KeysHelp,
  MetricsScreen,
  MosaicScreen,
  ReportScreen,
  WallScreen,
} from './screens';
import { AnnouncementProvider } from './sound/AnnouncementProvider';

/** The screens and their paths. */
export function App() {
  const [isHelpOpen, setHelpOpen] = useKeys();
  usePageTitle();
  // An error of one screen ends with it.
  const [path] = useLocation();
  return (
    <AnnouncementProvider>
      <Switch>
        <Route path="/wall">
          <ErrorBoundary>
            <Suspense>
              <WallScreen />
            </Suspense>
          </ErrorBoundary>
        </Route>
        <Route>
          <Frame>
            <ErrorBoundary key={path}>
              <Suspense>
                <Switch>
                  <Route path="/">
                    <Redirect to="/channels" replace />
                  </Route>
                  <Route path="/channels">
                    <ChannelsScreen />
                  </Route>
                  <Route path="/channels/:code/edit">{({ code }) => <EditScreen key={code} code={code} />}</Route>
                  <Route path="/channels/:code/report">{({ code }) => <ReportScreen key={code} code={code} />}</Route>
                  <Route path="/new-channel">
                    <EditScreen code={null} />
                  </Route>
                  <Route path="/import">
                    <ImportScreen />
                  </Route>
                  <Route path="/metrics">
                    <MetricsScreen />
                  </Route>
                  <Route path="/mosaic">
                    <MosaicScreen />
                  </Route>
                  <Route path="/channels/:code">{({ code }) => <ChannelScreen key={code} code={code} />}</Route>
                  <Route path="/alerts">
                    <AlertsScreen />
                  </Route>
                  <Route>
                    <NotFound />
                  </Route>
                </Switch>
              </Suspense>
            </ErrorBoundary>
          </Frame>
        </Route>
      </Switch>
      <OnceOpen isOpen={isHelpOpen}>
        <KeysHelp isOpen={isHelpOpen} onClose={() => setHelpOpen(false)} />
      </OnceOpen>
    </AnnouncementProvider>
  );
}

function NotFound() {
  const { t } = useTranslation();
  return <p className="empty">{t('error.notFound')}</p>;
}
