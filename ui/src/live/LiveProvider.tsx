import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useRef, useState } from 'react';
import { exporterUrl } from '../api/client';
import { keys } from '../api/queries';
import { refuseSession, useLogins } from '../api/session';
import type { ChannelStatus, ChannelStatuses, Summary } from '../api/types';
import { useNow } from '../time/clock';
import { applyStates } from './apply';
import { connect } from './connect';
import type { LiveMessage } from './follow';
import { type Freshness, freshness } from './freshness';

interface Live {
  /** Whether changes come by the stream, or by reading again and again. */
  mode: 'stream' | 'polling';
  /** Time by this machine's clock when the exporter was last heard; 0 before the first time. */
  heardAt: () => number;
  /** Calls back for the states that the stream brings, with all states before. Answers how to stop. */
  onState: (listener: StateListener) => () => void;
}

export type StateListener = (changes: ChannelStatus[], before: Map<string, ChannelStatus>) => void;

/** Time in milliseconds over which changes are collected before they are drawn. */
const BATCH = 100;

const LiveContext = createContext<Live>({ mode: 'polling', heardAt: () => 0, onState: () => () => undefined });

/** Keeps the data of the page current by the stream of changes. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const logins = useLogins();
  const [mode, setMode] = useState<Live['mode']>('polling');
  const heard = useRef(0);
  const listeners = useRef(new Set<StateListener>());

  useEffect(() => {
    // An answer to a read is as good a sign of life as the stream.
    return client.getQueryCache().subscribe((event) => {
      if (event.type === 'updated' && event.action.type === 'success' && !event.action.manual)
        heard.current = Date.now();
    });
  }, [client]);

  useEffect(() => {
    const onMessage = (message: LiveMessage) => {
      if (message.kind === 'closed') {
        setMode('polling');
        if (message.status === 401) refuseSession();
        return;
      }
      heard.current = Date.now();
      if (message.kind === 'open') {
        setMode('stream');
        // The stream sends each change once: what changed before it is in the lists.
        for (const queryKey of [keys.statuses, keys.summary, keys.alerts]) void client.invalidateQueries({ queryKey });
      }
      if (message.kind === 'event') onEvent(message.name, message.data);
    };
    const onEvent = (name: string, data: string) => {
      if (name === 'tick') client.setQueryData<Summary>(keys.summary, JSON.parse(data));
      if (name === 'state') onState(JSON.parse(data));
      if (name === 'alert' || name === 'lagged') void client.invalidateQueries({ queryKey: keys.alerts });
      if (name === 'lagged') void client.invalidateQueries({ queryKey: keys.statuses });
    };
    // A packager that dies takes many channels along: they are drawn together.
    let pending: ChannelStatus[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onState = (change: ChannelStatus) => {
      pending.push(change);
      timer ??= setTimeout(flush, BATCH);
    };
    const flush = () => {
      const changes = pending;
      pending = [];
      timer = undefined;
      const statuses = client.getQueryData<ChannelStatuses>(keys.statuses);
      if (!statuses) return;
      client.setQueryData(keys.statuses, applyStates(statuses, changes));
      const before = new Map(statuses.channels.map((known) => [known.code, known]));
      for (const listener of listeners.current) listener(changes, before);
    };
    const stop = connect({ url: `${exporterUrl}/api/v1/events?changes=true`, logins }, onMessage);
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [client, logins]);

  const [live] = useState(() => ({
    heardAt: () => heard.current,
    onState: (listener: StateListener) => {
      listeners.current.add(listener);
      return () => listeners.current.delete(listener);
    },
  }));
  return <LiveContext value={{ ...live, mode }}>{children}</LiveContext>;
}

export function useLive(): Live {
  return useContext(LiveContext);
}

/** How current the page is, and for how many seconds nothing was heard; `undefined` before the exporter was heard. */
export function useFreshness(): { freshness: Freshness; seconds: number | undefined } {
  const { heardAt } = useLive();
  const [openedAt] = useState(() => Date.now());
  // Draws again each second.
  useNow();
  const at = heardAt();
  const silence = Date.now() - (at || openedAt);
  return { freshness: freshness(silence), seconds: at ? silence / 1000 : undefined };
}
