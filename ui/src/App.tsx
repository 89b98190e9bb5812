import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { Redirect, Route, Switch } from 'wouter';
import { AlertsScreen } from './alerts/AlertsScreen';
import { ChannelScreen } from './channel/ChannelScreen';
import { ChannelsScreen } from './channels/ChannelsScreen';
import { Frame } from './frame/Frame';
import { KeysHelp } from './keys/KeysHelp';
import { useKeys } from './keys/useKeys';
import { WallScreen } from './wall/WallScreen';

// Screens that few people open first are loaded when they are opened.
const MetricsScreen = lazy(() => import('./metrics/MetricsScreen').then((file) => ({ default: file.MetricsScreen })));
const MosaicScreen = lazy(() => import('./mosaic/MosaicScreen').then((file) => ({ default: file.MosaicScreen })));
const EditScreen = lazy(() => import('./edit/EditScreen').then((file) => ({ default: file.EditScreen })));
const ImportScreen = lazy(() => import('./imports/ImportScreen').then((file) => ({ default: file.ImportScreen })));
const ReportScreen = lazy(() => import('./report/ReportScreen').then((file) => ({ default: file.ReportScreen })));

/** The screens and their paths. */
export function App() {
  const [isHelpOpen, setHelpOpen] = useKeys();
  return (
    <>
      <Switch>
        <Route path="/wall">
          <WallScreen />
        </Route>
        <Route>
          <Frame>
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
          </Frame>
        </Route>
      </Switch>
      <KeysHelp isOpen={isHelpOpen} onClose={() => setHelpOpen(false)} />
    </>
  );
}

function NotFound() {
  const { t } = useTranslation();
  return <p className="empty">{t('error.notFound')}</p>;
}
