import { useTranslation } from 'react-i18next';
import { Redirect, Route, Switch } from 'wouter';
import { AlertsScreen } from './alerts/AlertsScreen';
import { ChannelScreen } from './channel/ChannelScreen';
import { ChannelsScreen } from './channels/ChannelsScreen';
import { Frame } from './frame/Frame';
import { KeysHelp } from './keys/KeysHelp';
import { useKeys } from './keys/useKeys';
import { WallScreen } from './wall/WallScreen';

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
            <Switch>
              <Route path="/">
                <Redirect to="/channels" replace />
              </Route>
              <Route path="/channels">
                <ChannelsScreen />
              </Route>
              <Route path="/channels/:code">{({ code }) => <ChannelScreen key={code} code={code} />}</Route>
              <Route path="/alerts">
                <AlertsScreen />
              </Route>
              <Route>
                <NotFound />
              </Route>
            </Switch>
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
