import { Button, FileInput, Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { type Fault, FieldsError, importCsv } from '../api/channels';
import { exporterUrl } from '../api/client';
import { refresh } from '../api/queries';
import { useUnsaved } from '../frame/unsaved';
import { usePermission } from '../people/usePermission';
import { textOf } from './decode';
import { lineOf, linesOf } from './lines';

/** Largest number of bad rows that are shown. */
const SHOWN = 200;

/** Imports channels from CSV. All rows are checked first; bad ones are shown, and nothing is written before all are good. */
export function ImportScreen() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const permission = usePermission('admin');
  const [text, setText] = useState('');
  const [isUnreadable, setUnreadable] = useState(false);
  const check = useMutation({ mutationFn: (csv: string) => importCsv(csv, true) });
  const write = useMutation({ mutationFn: (csv: string) => importCsv(csv, false), onSuccess: () => refresh(client) });
  useUnsaved(text.trim() !== '' && !write.isSuccess);
  const change = (next: string) => {
    setText(next);
    check.reset();
    write.reset();
  };
  const error = write.error ?? check.error;
  const faults = error instanceof FieldsError ? error.faults : [];
  const counts = write.data ?? check.data;
  return (
    <section aria-label={t('import.title')} className="edit">
      <p>
        <Link href="/channels">← {t('channel.back')}</Link>
      </p>
      <h2>{t('import.title')}</h2>
      <p>
        {t('import.help')}{' '}
        <a href={`${exporterUrl}/api/v1/channels/export`} download>
          {t('import.export')}
        </a>
      </p>
      <FileInput
        label={t('import.file')}
        placeholder={t('import.choose')}
        accept=".csv,.txt,text/csv"
        clearable
        error={isUnreadable ? t('import.encoding') : undefined}
        clearButtonProps={{ 'aria-label': t('filter.clear') }}
        onChange={(file) => {
          setUnreadable(false);
          void file?.arrayBuffer().then((bytes) => {
            const read = textOf(new Uint8Array(bytes));
            setUnreadable(read === null);
            change(read ?? '');
          });
        }}
      />
      <Textarea
        label={t('import.text')}
        rows={10}
        spellCheck={false}
        value={text}
        onChange={(event) => change(event.currentTarget.value)}
      />
      {permission.why && <p className="empty">{permission.why}</p>}
      <p className="actions">
        <Button
          variant="default"
          loading={check.isPending}
          disabled={!permission.isAllowed || text.trim() === ''}
          onClick={() => check.mutate(text)}
        >
          {t('import.check')}
        </Button>
        <Button loading={write.isPending} disabled={!check.data || write.isSuccess} onClick={() => write.mutate(text)}>
          {t('import.write')}
        </Button>
      </p>
      {counts && (
        <p role="status">
          <strong>
            {t(counts.dry_run ? 'import.wouldWrite' : 'import.written', {
              created: counts.created,
              updated: counts.updated,
              unchanged: counts.unchanged,
            })}
          </strong>
        </p>
      )}
      {error && (
        <div role="alert">
          <p>
            <strong>
              {faults.length > 0
                ? t('import.bad', { count: new Set(faults.map((fault) => fault.line)).size })
                : error.message}
            </strong>
          </p>
          {faults.length > 0 && <BadRows faults={faults} text={text} />}
        </div>
      )}
    </section>
  );
}

function BadRows({ faults, text }: { faults: Fault[]; text: string }) {
  const { t } = useTranslation();
  const lines = useMemo(() => linesOf(text), [text]);
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">{t('import.line')}</th>
            <th scope="col">{t('import.why')}</th>
            <th scope="col">{t('import.row')}</th>
          </tr>
        </thead>
        <tbody>
          {faults.slice(0, SHOWN).map((fault) => (
            <tr key={`${fault.line} ${fault.detail}`}>
              <th scope="row">{fault.line ?? '–'}</th>
              <td>{fault.detail}</td>
              <td>
                <code>{lineOf(lines, fault.line)}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {faults.length > SHOWN && <p>{t('import.more', { count: faults.length - SHOWN })}</p>}
    </div>
  );
}
