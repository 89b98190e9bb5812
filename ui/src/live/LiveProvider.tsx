import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useRef, useState } from 'react';
import { exporterUrl } from '../api/client';
import { keys } from '../api/queries';
import { refuseSession, useLoginNeeded, useLogins } from '../api/session';
import type { ChannelStatus, ChannelStatuses, Summary } from '../api/types';
import { useEachSecond, useNow } from '../time/clock';
import { applyStates } from './apply';
import { batch } from './batch';
import { calmRead } from './calm';
import { connect } from './connect';
import type { LiveMessage } from './follow';
import { type Freshness, freshness } from './freshness';
import { noteChange } from './recent';
import { type LastKnown, type StateListener, watchStatuses } from './watch';

interface Live {
  /** Whether changes come by the stream, or by reading again and again. */
  mode: 'stream' | 'polling';
  /** Time by this machine's clock at which the states were last known to be current; 0 before the first time. */
  heardAt: () => number;
  /** Calls back for channels that changed, with the last known states before. Answers how to stop. */
  onState: (listener: StateListener) => () => void;
  /** A channel with its last known state, where its state is `unknown` now. */
  lastKnown: (status: ChannelStatus) => ChannelStatus;
}

const LiveContext = createContext<Live>({
  mode: 'polling',
  heardAt: () => 0,
  onState: () => () => undefined,
  lastKnown: (status) => status,
});

/** Keeps the data of the page current by the stream of changes. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const logins = useLogins();
  const [mode, setMode] = useState<Live['mode']>('polling');
  const heard = useRef(0);
  const listeners = useRef(new Set<StateListener>());
  const [states] = useState<LastKnown>(() => new Map());

  useEffect(
    () =>
      watchStatuses(client, {
        lastKnown: states,
        onRead: () => {
          heard.current = Date.now();
        },
        onChange: (changes, before) => {
          for (const listener of listeners.current) listener(changes, before);
        },
      }),
    [client, states],
  );

  useEffect(() => {
    const onAlive = () => {
      // A stream keeps the states current only from a state on that was read.
      if (client.getQueryState(keys.statuses)?.status === 'success') heard.current = Date.now();
    };
    const stop = followChanges(client, logins, { onMode: setMode, onAlive });
    return () => {
      stop();
      setMode('polling');
    };
  }, [client, logins]);

  const [live] = useState(() => ({
    heardAt: () => heard.current,
    onState: (listener: StateListener) => {
      listeners.current.add(listener);
      return () => listeners.current.delete(listener);
    },
    lastKnown: (status: ChannelStatus) => (status.state === 'unknown' && states.get(status.code)) || status,
  }));
  return <LiveContext value={{ ...live, mode }}>{children}</LiveContext>;
}

interface Hearer {
  onMode: (mode: Live['mode']) => void;
  onAlive: () => void;
}

/** Takes the stream's events over into the data of the page. Answers how to stop. */
function followChanges(client: QueryClient, logins: number, { onMode, onAlive }: Hearer): () => void {
  const readAgain = (queryKey: readonly string[]) => client.invalidateQueries({ queryKey }, { cancelRefetch: false });
  const alerts = calmRead(() => readAgain(keys.alerts));
  const statuses = calmRead(() => readAgain(keys.statuses));
  // A packager that dies takes many channels along: they are drawn together.
  const states = batch<ChannelStatus>((changes) => {
    client.setQueryData<ChannelStatuses>(keys.statuses, (known) => known && applyStates(known, changes));
  });
  const onEvent = (name: string, data: string) => {
    if (name === 'tick') client.setQueryData<Summary>(keys.summary, JSON.parse(data));
    if (name === 'state') {
      const change: ChannelStatus = JSON.parse(data);
      noteChange(change);
      states.add(change);
    }
    if (name === 'alert' || name === 'lagged') alerts.ask();
    if (name === 'lagged') statuses.ask();
  };
  const onMessage = (message: LiveMessage) => {
    if (message.kind === 'closed') {
      onMode('polling');
      if (message.status === 401) refuseSession();
      return;
    }
    onAlive();
    if (message.kind === 'open') {
      onMode('stream');
      // The stream sends each change once: what changed before it is in the lists.
      for (const queryKey of [keys.statuses, keys.summary, keys.alerts]) void client.invalidateQueries({ queryKey });
    }
    if (message.kind === 'event') onEvent(message.name, message.data);
  };
  const stop = connect({ url: `${exporterUrl}/api/v1/events?changes=true`, logins }, onMessage);
  return () => {
    for (const each of [alerts, statuses, states]) each.stop();
    stop();
  };
}

export function useLive(): Live {
  return useContext(LiveContext);
}

/** How current the states are; the component is drawn again only when that changes. Without a login nothing can be heard. */
export function useFreshnessLevel(): Freshness {
  const { heardAt } = useLive();
  const isLoginNeeded = useLoginNeeded();
  const [openedAt] = useState(() => Date.now());
  return useEachSecond(() => (isLoginNeeded ? 'lost' : freshness(Date.now() - (heardAt() || openedAt))));
}

/** How current the states are, and for how many seconds nothing was heard of them; `undefined` before they were first read. */
export function useFreshness(): { freshness: Freshness; seconds: number | undefined } {
  const at = useLive().heardAt();
  // Draws again each second.
  useNow();
  return { freshness: useFreshnessLevel(), seconds: at ? (Date.now() - at) / 1000 : undefined };
}
