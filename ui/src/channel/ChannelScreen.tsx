import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'wouter';
import { AlertTable } from '../alerts/AlertTable';
import { useAlerts, useProbe, useProbingUrl, useReport, useStatuses, useSummary } from '../api/queries';
import type { ChannelStatus } from '../api/types';
import { Failed, Rungs, Video } from '../channels/cells';
import { isCurrent } from '../channels/filters';
import { wayBack } from '../channels/place';
import { ErrorBox } from '../frame/ErrorBox';
import { MaintenanceButton } from '../maintenance/MaintenanceButton';
import { MaintenanceLine } from '../maintenance/MaintenanceLine';
import { ChannelPicture } from '../mosaic/ChannelPicture';
import { usePermission } from '../people/usePermission';
import { StateMark } from '../severity/Mark';
import { Ago, useDuration } from '../time/Ago';
import { useNow } from '../time/clock';
import { age, fullTime } from '../time/duration';
import { Charts } from './Charts';
import { CopyCurl } from './CopyCurl';
import { DayStrip } from './DayStrip';
import { Findings } from './Findings';
import { faultOf } from './fault';
import { GrafanaButton } from './GrafanaButton';
import { Outputs } from './Outputs';
import { ReportTime } from './ReportTime';

/** One channel: can viewers watch it, since when not, which rendition, and whose fault it is. */
export function ChannelScreen({ code }: { code: string }) {
  const { t } = useTranslation();
  const statuses = useStatuses();
  const status = statuses.data?.channels.find((known) => known.code === code);
  if (!statuses.data) {
    if (statuses.error) return <ErrorBox error={statuses.error} onRetry={() => void statuses.refetch()} />;
    return <p className="empty">{t('channels.loading')}</p>;
  }
  return (
    <section aria-label={code}>
      <p>
        <Link href={wayBack()}>← {t('channel.back')}</Link>
      </p>
      {status ? (
        <Known status={status} channels={statuses.data.channels} />
      ) : (
        <p className="empty">{t('channel.unknown', { code })}</p>
      )}
    </section>
  );
}

function Known({ status, channels }: { status: ChannelStatus; channels: ChannelStatus[] }) {
  const { t } = useTranslation();
  // Another exporter has the report of its probe.
  const report = useReport(status.code, status.exporter === null ? status.last_probe?.started_at : undefined);
  // What an earlier probe of this exporter found says nothing about the state that another one found.
  const isOwn = status.exporter === null && status.last_probe !== null;
  const alerts = useAlerts();
  const own = alerts.data?.filter((alert) => alert.channel === status.code) ?? [];
  return (
    <>
      <Head status={status} />
      <MaintenanceLine status={status} />
      <FaultLine status={status} channels={channels} />
      <DayStrip code={status.code} />
      {!status.last_probe && <p className="empty">{t('channel.notProbed')}</p>}
      {status.exporter !== null && <p className="empty">{t('channel.elsewhere', { exporter: status.exporter })}</p>}
      {report.error && !report.data && <ErrorBox error={report.error} onRetry={() => void report.refetch()} />}
      {report.data && isOwn && (
        <>
          <h3>
            {t('channel.findings')} <ReportTime report={report.data} />
          </h3>
          <Findings report={report.data} />
          <h3>{t('channel.outputs')}</h3>
          <Outputs outputs={report.data.outputs} />
        </>
      )}
      <Charts code={status.code} />
      {alerts.data && (
        <>
          <h3>{t('channel.alerts')}</h3>
          {own.length === 0 ? <p className="empty">{t('channel.noAlerts')}</p> : <AlertTable alerts={own} />}
        </>
      )}
    </>
  );
}

function Head({ status }: { status: ChannelStatus }) {
  const { t } = useTranslation();
  const probe = useProbe(status.code);
  const summary = useSummary().data;
  const operate = usePermission('operate');
  const write = usePermission('admin');
  const path = `/channels/${encodeURIComponent(status.code)}`;
  const log = useProbingUrl()?.(`/probe?target=${encodeURIComponent(status.code)}&debug=true`);
  return (
    <div className="channel-head">
      <h2>
        {status.code} <small>{status.name}</small>
      </h2>
      <span className="channel-picture">
        <ChannelPicture code={status.code} />
      </span>
      <p className="channel-state">
        <StateMark status={status} /> <Since status={status} />
      </p>
      <dl className="facts">
        <Fact name={t('column.probe')}>
          <Ago at={status.last_probe?.started_at} />
        </Fact>
        <Fact name={t('column.rungs')}>{isCurrent(status) ? <Rungs rungs={status.rungs} /> : '–'}</Fact>
        <Fact name={t('column.video')}>
          <Video status={status} />
        </Fact>
        <Fact name={t('filter.tier')}>{status.tier ?? '–'}</Fact>
        <Fact name={t('filter.packager')}>
          <Link href={`/channels?packager=${encodeURIComponent(status.packager)}`}>{status.packager}</Link>
        </Fact>
        <Fact name={t('filter.template')}>{status.template}</Fact>
        <Fact name={t('column.failed')}>{isCurrent(status) ? <Failed failed={status.failed} /> : '–'}</Fact>
      </dl>
      <p className="actions">
        <Button
          size="xs"
          disabled={!operate.isAllowed}
          title={operate.why}
          onClick={() => probe.mutate()}
          loading={probe.isPending}
        >
          {t('channel.probeNow')}
        </Button>
        {log && (
          <Button size="xs" variant="default" component="a" href={log} target="_blank" rel="noreferrer">
            {t('channel.log')}
          </Button>
        )}
        <GrafanaButton code={status.code} size="xs" />
        <CopyCurl code={status.code} />
        <MaintenanceButton status={status} size="xs" />
        <LinkButton
          href={`${path}/edit`}
          isDisabled={!write.isAllowed || !summary?.has_database}
          why={write.why ?? t('edit.noDatabase')}
        >
          {t('edit.open')}
        </LinkButton>
        <LinkButton href={`${path}/report`}>{t('report.open')}</LinkButton>
      </p>
      {probe.error && <ErrorBox error={probe.error} onRetry={() => probe.mutate()} />}
    </div>
  );
}

interface LinkButtonProps {
  href: string;
  isDisabled?: boolean;
  /** Why the link leads nowhere now. */
  why?: string;
  children: string;
}

function LinkButton({ href, isDisabled = false, why, children }: LinkButtonProps) {
  const [, navigate] = useLocation();
  return (
    <Button
      size="xs"
      variant="default"
      disabled={isDisabled}
      title={isDisabled ? why : undefined}
      onClick={() => navigate(href)}
    >
      {children}
    </Button>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Since({ status }: { status: ChannelStatus }) {
  const { t } = useTranslation();
  const now = useNow();
  const duration = useDuration();
  const seconds = age(status.since, now);
  if (seconds === undefined || status.since === null) return null;
  const isExact = status.since_exact || status.state === 'unknown' || status.state === 'disabled';
  const times = { time: duration(seconds), at: fullTime(status.since) };
  return <span>{isExact ? t('channel.since', times) : t('channel.sinceAtLeast', times)}</span>;
}

function FaultLine({ status, channels }: { status: ChannelStatus; channels: ChannelStatus[] }) {
  const { t } = useTranslation();
  const fault = faultOf(status, channels);
  if (!fault) return null;
  const { kind, check, packager, count, total } = fault;
  return (
    <p>
      <strong>{t('channel.fault')}: </strong>
      {t(`channel.fault.${kind}`, { check, packager, failing: count, count: total })}
    </p>
  );
}
