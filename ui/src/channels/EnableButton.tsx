import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { setEnabled } from '../api/channels';
import type { ChannelStatus } from '../api/types';
import { untilStates } from '../api/until';

interface Props {
  status: ChannelStatus;
  isPossible: boolean;
  onDone: () => void;
}

/** Enables or disables a channel. It asks before it disables: nobody is alerted then, and nobody would notice. */
export function EnableButton({ status, isPossible, onDone }: Props) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [isAsking, setAsking] = useState(false);
  const { code } = status;
  const isDisabled = status.state === 'disabled';
  const enable = useMutation({
    mutationFn: async (enabled: boolean) => {
      await setEnabled(code, enabled);
      return untilStates(client, (channels) =>
        channels.some((one) => one.code === code && (one.state !== 'disabled') === enabled),
      );
    },
  });
  // After the menu was closed, a late answer must not close the menu of another channel.
  const send = (enabled: boolean) =>
    enable.mutate(enabled, {
      onSuccess: (isShown) => {
        setAsking(false);
        if (isShown) onDone();
      },
    });
  return (
    <>
      {isAsking ? (
        <div className="undo">
          {t('menu.disable.ask', { code })}
          <Button size="xs" color="red" loading={enable.isPending} onClick={() => send(false)}>
            {t('menu.disable.yes')}
          </Button>
          <Button size="xs" variant="default" onClick={() => setAsking(false)}>
            {t('ack.cancel')}
          </Button>
        </div>
      ) : (
        <Button
          variant="default"
          disabled={!isPossible}
          loading={enable.isPending}
          onClick={() => (isDisabled ? send(true) : setAsking(true))}
        >
          {isDisabled ? t('menu.enable') : t('menu.disable')}
        </Button>
      )}
      {enable.data === false && <p role="status">{t('menu.wait')}</p>}
      {enable.error && <p role="alert">{enable.error.message}</p>}
    </>
  );
}
