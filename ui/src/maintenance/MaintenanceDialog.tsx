import { Button, Modal, NativeSelect, Textarea } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useBeginMaintenance } from '../api/queries';
import type { ChannelStatus } from '../api/types';
import { NameField } from '../people/NameField';
import { rememberedName, rememberName } from '../people/name';
import { useDurationField } from '../time/useDurationField';

interface Props {
  status: Pick<ChannelStatus, 'code' | 'packager'>;
  isOpen: boolean;
  onClose: () => void;
}

/** Asks who works on a channel, for how long, and whether its packager's other channels are affected. */
export function MaintenanceDialog({ status, isOpen, onClose }: Props) {
  const { t } = useTranslation();
  const begin = useBeginMaintenance();
  const [by, setBy] = useState(rememberedName);
  const { field, duration } = useDurationField([{ value: '3d', label: t('maintenance.3d') }]);
  const [scope, setScope] = useState<'channel' | 'packager'>('channel');
  const [comment, setComment] = useState('');
  const close = () => {
    begin.reset();
    onClose();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    rememberName(by);
    const wish = {
      codes: [status.code],
      by: by.trim() || null,
      comment: comment.trim() || null,
      duration: duration(),
      scope,
    };
    begin.mutate(wish, {
      onSuccess: () => {
        // The next maintenance must not silence a whole packager because this one did.
        setScope('channel');
        setComment('');
        close();
      },
    });
  };
  return (
    <Modal
      opened={isOpen}
      onClose={close}
      title={t('maintenance.title', { code: status.code })}
      closeButtonProps={{ 'aria-label': t('keys.close') }}
    >
      <form onSubmit={submit}>
        <NameField value={by} onChange={setBy} />
        {field}
        <NativeSelect
          label={t('maintenance.scope')}
          value={scope}
          onChange={(event) => setScope(event.currentTarget.value === 'packager' ? 'packager' : 'channel')}
          data={[
            { value: 'channel', label: t('maintenance.scope.channel', { code: status.code }) },
            { value: 'packager', label: t('maintenance.scope.packager', { packager: status.packager }) },
          ]}
        />
        <Textarea
          label={t('ack.comment')}
          placeholder={t('ack.commentHint')}
          value={comment}
          maxLength={4096}
          onChange={(event) => setComment(event.currentTarget.value)}
        />
        <p>{t('maintenance.help')}</p>
        {begin.error && <p role="alert">{begin.error.message}</p>}
        <p className="actions">
          <Button type="submit" loading={begin.isPending}>
            {t('maintenance.begin')}
          </Button>
          <Button variant="default" onClick={close}>
            {t('ack.cancel')}
          </Button>
        </p>
      </form>
    </Modal>
  );
}
