import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import {
  ChangedError,
  changeChannel,
  createChannel,
  type Fields,
  FieldsError,
  probeDraft,
  readChannel,
  type VersionedChannel,
} from '../api/channels';
import { untilStates } from '../api/until';
import { forgetUnsaved, useUnsaved } from '../frame/unsaved';
import { usePermission } from '../people/usePermission';
import { Conflicts } from './Conflicts';
import { DraftResult } from './DraftResult';
import { FieldControl, type Lists } from './FieldControl';
import { changedFields, type Field, faultsByField, readText, textOf } from './fields';

interface Props {
  code: string | null;
  fields: Field[];
  lists: Lists;
  /** The channel as it was read; `null` for a new one. */
  read: VersionedChannel | null;
}

/** Form of a channel. It sends what the person changed, and only if nobody changed the channel meanwhile. */
export function EditForm({ code, fields, lists, read: first }: Props) {
  const { t } = useTranslation();
  const [, navigate] = useLocation();
  const write = usePermission('admin');
  const client = useQueryClient();
  const [read, setRead] = useState(first);
  const [texts, setTexts] = useState(() => textsOf(fields, first?.channel ?? {}));
  const [theirs, setTheirs] = useState<VersionedChannel | null>(null);
  // Why the version of the other person could not be read.
  const [unread, setUnread] = useState<string | null>(null);
  const { values, unreadable } = valuesOf(fields, texts);
  const before: Fields = read?.channel ?? {};
  const changed = changedFields(before, values);
  const save = useMutation({
    mutationFn: async () => {
      if (code === null) await createChannel(withoutEmpty(values));
      else await changeChannel(code, changed, read?.version ?? '*');
      return code ?? String(values.channel_code);
    },
    onError: async (error) => {
      if (!(error instanceof ChangedError) || code === null) return;
      setUnread(null);
      try {
        setTheirs(await readChannel(code));
      } catch (why) {
        setUnread(why instanceof Error ? why.message : String(why));
      }
    },
    onSuccess: (path) => untilStates(client, (channels) => channels.some((status) => status.code === path)),
  });
  const probe = useMutation({ mutationFn: () => probeDraft(withoutEmpty({ ...before, ...values })) });
  const refused = [save.error, probe.error].find((error) => error instanceof FieldsError);
  const faults = faultsByField(
    refused?.faults ?? [],
    fields.map((field) => field.name),
  );
  useEffect(() => {
    // The field may be above what the screen shows.
    if (refused) document.querySelector('[aria-invalid="true"]')?.scrollIntoView({ block: 'center' });
  }, [refused]);
  const other = [save.error, probe.error].find(
    (error) => error && !(error instanceof FieldsError) && !(error instanceof ChangedError),
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    probe.reset();
    // A person who has left the form stays where they are.
    save.mutate(undefined, {
      onSuccess: (path) => {
        forgetUnsaved();
        navigate(`/channels/${encodeURIComponent(path)}`);
      },
    });
  };
  const isUnreadable = unreadable.size > 0;
  // A new channel has defaults that nobody wrote.
  const untouched = textsOf(fields, before);
  useUnsaved(!save.isSuccess && fields.some(({ name }) => texts[name] !== untouched[name]));
  return (
    <form className="edit" onSubmit={submit} noValidate>
      {theirs && read && (
        <Conflicts
          read={before}
          mine={values}
          theirs={theirs.channel}
          onResolve={(resolved) => {
            // What somebody else changed is what was read now; this person's changes stay on top of it.
            const merged = { ...theirs.channel, ...changed, ...resolved };
            setRead(theirs);
            setTexts(textsOf(fields, merged));
            setTheirs(null);
            save.reset();
          }}
        />
      )}
      {fields.map((field) => (
        <FieldControl
          key={field.name}
          field={field}
          text={texts[field.name] ?? ''}
          isReadOnly={field.name === 'channel_code' && code !== null}
          isChanged={field.name in changed}
          lists={lists}
          faults={[
            ...(unreadable.has(field.name) ? [t(`edit.bad.${unreadable.get(field.name) ?? 'json'}`)] : []),
            ...(faults.get(field.name) ?? []),
          ]}
          onChange={(text) => setTexts((all) => ({ ...all, [field.name]: text }))}
        />
      ))}
      {faults.get('')?.map((text) => (
        <p role="alert" key={text}>
          {text}
        </p>
      ))}
      {other && <p role="alert">{other.message}</p>}
      {save.error instanceof ChangedError && !theirs && (
        <p role="alert">
          {t('edit.changed')} {unread !== null && t('edit.unread', { why: unread })}
        </p>
      )}
      {write.why && <p className="empty">{write.why}</p>}
      <p className="actions">
        <Button
          type="submit"
          loading={save.isPending}
          disabled={!write.isAllowed || isUnreadable || theirs !== null || Object.keys(changed).length === 0}
        >
          {t('edit.save')}
        </Button>
        <Button
          variant="default"
          loading={probe.isPending}
          disabled={!write.isAllowed || isUnreadable}
          onClick={() => probe.mutate()}
        >
          {t('edit.probe')}
        </Button>
        <Button
          variant="default"
          onClick={() => navigate(code === null ? '/channels' : `/channels/${encodeURIComponent(code)}`)}
        >
          {t('ack.cancel')}
        </Button>
      </p>
      {probe.data && <DraftResult report={probe.data} />}
    </form>
  );
}

function textsOf(fields: Field[], values: Fields): Record<string, string> {
  return Object.fromEntries(fields.map((field) => [field.name, textOf(field, values[field.name])]));
}

/** The values that the texts stand for, and the fields whose text stands for none. */
function valuesOf(fields: Field[], texts: Record<string, string>) {
  const values: Fields = {};
  const unreadable = new Map<string, 'number' | 'json'>();
  for (const field of fields) {
    const found = readText(field, texts[field.name] ?? '');
    if ('fault' in found) unreadable.set(field.name, found.fault);
    else values[field.name] = found.value;
  }
  return { values, unreadable };
}

/** A field that a person left empty gets its default. */
function withoutEmpty(values: Fields): Fields {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== undefined));
}
