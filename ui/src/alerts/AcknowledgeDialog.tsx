import { Button, Modal, Textarea } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAcknowledge } from '../api/alertActions';
import type { AlertsDone } from '../api/types';
import { NameField } from '../people/NameField';
import { rememberedName, rememberName } from '../people/name';
import { useDurationField } from '../time/useDurationField';

interface Props {
  ids: number[];
  isOpen: boolean;
  /** Whether an acknowledgement sets a silence in Alertmanager. */
  silences: boolean;
  onClose: () => void;
  /** Called with what became of the alerts. */
  onDone: (done: AlertsDone) => void;
}

/** Asks who acknowledges the alerts, for how long, and why. */
export function AcknowledgeDialog({ ids, isOpen, silences, onClose, onDone }: Props) {
  const { t } = useTranslation();
  const acknowledge = useAcknowledge();
  const [by, setBy] = useState(rememberedName);
  const { field, duration } = useDurationField();
  const [comment, setComment] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    rememberName(by);
    const request = { ids, by: by.trim() || null, comment: comment.trim() || null, duration: duration() };
    acknowledge.mutate(request, {
      onSuccess: (done) => {
        onDone(done);
        if (done.refused.length > 0) return;
        setComment('');
        onClose();
      },
    });
  };
  const close = () => {
    acknowledge.reset();
    onClose();
  };
  const refused = acknowledge.data?.refused ?? [];
  return (
    <Modal
      opened={isOpen}
      onClose={close}
      title={t('ack.title', { count: ids.length })}
      closeButtonProps={{ 'aria-label': t('keys.close') }}
    >
      <form onSubmit={submit}>
        <NameField value={by} onChange={setBy} />
        {field}
        <Textarea
          label={t('ack.comment')}
          placeholder={t('ack.commentHint')}
          value={comment}
          maxLength={4096}
          onChange={(event) => setComment(event.currentTarget.value)}
        />
        <p>{silences ? t('ack.silence') : t('ack.noSilence')}</p>
        {refused.length > 0 && (
          <p role="alert">{t('ack.refused', { count: refused.length, why: refused[0]?.detail ?? '' })}</p>
        )}
        {acknowledge.error && <p role="alert">{acknowledge.error.message}</p>}
        <p className="actions">
          <Button type="submit" loading={acknowledge.isPending} disabled={ids.length === 0}>
            {t('ack.send')}
          </Button>
          <Button variant="default" onClick={close}>
            {t('ack.cancel')}
          </Button>
        </p>
      </form>
    </Modal>
  );
}
