import { createContext, type ReactNode, useContext } from 'react';
import { type Notifications, useNotifications } from './useNotifications';
import { type Sound, useSound } from './useSound';

const SoundContext = createContext<Sound | null>(null);
const NotificationContext = createContext<Notifications | null>(null);

/** Announces faults by sound and by notifications, whichever screen is open. */
export function AnnouncementProvider({ children }: { children: ReactNode }) {
  const sound = useSound();
  const notifications = useNotifications();
  return (
    <SoundContext value={sound}>
      <NotificationContext value={notifications}>{children}</NotificationContext>
    </SoundContext>
  );
}

/** The sound of the page; `null` outside the provider. */
export function useSoundSwitch(): Sound | null {
  return useContext(SoundContext);
}

/** The notifications of the page; `null` outside the provider. */
export function useNotificationSwitch(): Notifications | null {
  return useContext(NotificationContext);
}
