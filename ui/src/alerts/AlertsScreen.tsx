import { Button } from '@mantine/core';
import { useEffect, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { MAX_ALERTS_READ, useAlerts, useAlertsCut, useSummary } from '../api/queries';
import type { AlertsDone } from '../api/types';
import { ErrorBox } from '../frame/ErrorBox';
import { useQueryString } from '../frame/useQueryString';
import { HeldNote } from '../order/HeldNote';
import { useHeldOrder } from '../order/useHeldOrder';
import { usePermission } from '../people/usePermission';
import { AcknowledgeDialog } from './AcknowledgeDialog';
import { AlertDialog } from './AlertDialog';
import { AlertFilterBar } from './AlertFilterBar';
import {
  ALERT_ORDERING,
  alertPasses,
  readAlertFilters,
  stillFiring,
  withoutSettled,
  withoutWatchdog,
  writeAlertFilters,
} from './alerts';
import { LongAlertTable } from './LongAlertTable';
import { Timeline } from './Timeline';
import { Undo } from './Undo';
import { useChannelNames } from './useChannelNames';

/** Active alerts, what nobody acknowledged on top; several can be acknowledged at once. */
export function AlertsScreen() {
  const { t } = useTranslation();
  const summary = useSummary();
  const alerts = useAlerts();
  const isCut = useAlertsCut();
  const operate = usePermission('operate');
  const names = useChannelNames();
  const [query, setQuery] = useQueryString();
  const filters = useMemo(() => readAlertFilters(query), [query]);
  const [selected, setSelected] = useState<Set<number>>(new Set());
  const [isOpen, setOpen] = useState(false);
  const [opened, setOpened] = useState<number | null>(null);
  // What this person acknowledged last, for as long as it can be the wrong one.
  const [last, setLast] = useState<{ done: AlertsDone; number: number } | null>(null);
  const all = useMemo(() => withoutWatchdog(alerts.data ?? []), [alerts.data]);
  const passing = useMemo(() => all.filter((alert) => alertPasses(filters, alert, names)), [all, filters, names]);
  const order = useHeldOrder(passing, ALERT_ORDERING);
  const { rows } = order;
  useEffect(() => {
    // What ended or was acknowledged must be neither selected nor open when it fires again.
    setSelected((before) => stillFiring(before, all));
    setOpened((before) => (all.some((alert) => alert.id === before) ? before : null));
  }, [all]);
  if (summary.data && !summary.data.has_database) return <p className="empty">{t('alerts.noDatabase')}</p>;
  if (!alerts.data) {
    const failed = [summary, alerts].find((read) => read.error);
    if (failed?.error) return <ErrorBox error={failed.error} onRetry={() => void failed.refetch()} />;
    return <p className="empty">{t('alerts.loading')}</p>;
  }
  // An alert that ended or that another person acknowledged is no longer selected.
  const ids = rows.filter((alert) => alert.status === 'firing' && selected.has(alert.id)).map((alert) => alert.id);
  return (
    <section aria-label={t('nav.alerts')} className="fill">
      <AlertFilterBar filters={filters} alerts={all} onChange={(next) => setQuery(writeAlertFilters(next))} />
      <p className="actions">
        <Button
          size="xs"
          data-acknowledge
          disabled={ids.length === 0 || !operate.isAllowed}
          title={operate.why}
          onClick={() => setOpen(true)}
        >
          {ids.length === 0 ? t('alerts.acknowledge') : t('alerts.acknowledgeCount', { count: ids.length })}
        </Button>
        <span className="shown" aria-live="polite">
          {t('alerts.shown', { shown: rows.length, total: all.length })}
          {isCut && <strong> {t('alerts.cut', { count: MAX_ALERTS_READ })}</strong>}
          <HeldNote worse={order.worse} onRelease={order.release} />
        </span>
      </p>
      <Timeline active={all} />
      {/* What the exporter answered to the undo of an earlier request says nothing about this one. */}
      {last && <Undo key={last.number} done={last.done} alerts={all} onClose={() => setLast(null)} />}
      {rows.length === 0 ? (
        <p className="empty">{all.length === 0 ? t('alerts.none') : t('alerts.noMatch')}</p>
      ) : (
        <LongAlertTable
          alerts={rows}
          names={names}
          selection={{ ids: new Set(ids), onChange: setSelected }}
          onOpen={setOpened}
          reader={order.reader}
          onEnd={order.release}
        />
      )}
      <AcknowledgeDialog
        ids={ids}
        isOpen={isOpen}
        silences={summary.data?.has_alertmanager ?? false}
        onClose={() => setOpen(false)}
        onDone={(done) => {
          setLast((before) => ({ done, number: (before?.number ?? 0) + 1 }));
          setSelected((before) => withoutSettled(before, [...done.alerts, ...done.unchanged]));
        }}
      />
      <AlertDialog alert={all.find((alert) => alert.id === opened) ?? null} onClose={() => setOpened(null)} />
    </section>
  );
}
