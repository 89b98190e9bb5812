import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { AlertTable } from '../alerts/AlertTable';
import { useAlerts, useHistory, useReport, useStatuses } from '../api/queries';
import type { ChannelHistory, ChannelStatus } from '../api/types';
import { CutStates } from '../channel/CutStates';
import { Findings } from '../channel/Findings';
import { Outputs } from '../channel/Outputs';
import { ReportTime } from '../channel/ReportTime';
import { Failed } from '../channels/cells';
import { isCurrent } from '../channels/filters';
import { ErrorBox } from '../frame/ErrorBox';
import { useInstallationName } from '../frame/installation';
import { StateMark } from '../severity/Mark';
import { isSeverity } from '../severity/severity';
import { serverNow } from '../time/clock';
import { fullTime } from '../time/duration';

/** Everything that is known of a channel on paper: for a handover or the packager's supplier. */
export function ReportScreen({ code }: { code: string }) {
  const { t } = useTranslation();
  const statuses = useStatuses();
  const status = statuses.data?.channels.find((known) => known.code === code);
  const isElsewhere = status?.exporter !== null;
  const report = useReport(code, isElsewhere ? undefined : status?.last_probe?.started_at);
  const alerts = useAlerts();
  const history = useHistory(code);
  const installation = useInstallationName();
  if (!status) {
    if (statuses.error) return <ErrorBox error={statuses.error} onRetry={() => void statuses.refetch()} />;
    return <p className="empty">{statuses.data ? t('channel.unknown', { code }) : t('channels.loading')}</p>;
  }
  const own = alerts.data?.filter((alert) => alert.channel === code) ?? [];
  const time = (at: string | null | undefined) => (at ? fullTime(at) : '–');
  return (
    <article className="report" aria-label={t('report.title', { code })}>
      <p className="actions">
        <Button size="xs" onClick={() => print()}>
          {t('report.print')}
        </Button>
        <Link href={`/channels/${encodeURIComponent(code)}`}>← {code}</Link>
      </p>
      <h2>
        {t('report.title', { code })} <small>{status.name}</small>
      </h2>
      <p>{t('report.madeAt', { time: fullTime(serverNow()), exporter: installation })}</p>
      <table>
        <tbody>
          <Line name={t('column.state')}>
            <StateMark status={status} />
          </Line>
          <Line name={t('column.since')}>
            {status.since_exact ? '' : '≤ '}
            {time(status.since)}
          </Line>
          <Line name={t('column.failed')}>{isCurrent(status) ? <Failed failed={status.failed} /> : '–'}</Line>
          <Line name={t('column.probe')}>{time(status.last_probe?.started_at)}</Line>
          <Line name={t('filter.packager')}>{status.packager}</Line>
          <Line name={t('filter.template')}>{status.template}</Line>
          <Line name={t('filter.tier')}>{status.tier ?? '–'}</Line>
        </tbody>
      </table>
      {history.data && (
        <Events history={history.data} isProbed={status.state !== 'unknown' && status.last_probe !== null} />
      )}
      {own.length > 0 && (
        <>
          <h3>{t('channel.alerts')}</h3>
          <AlertTable alerts={own} isPrinted />
        </>
      )}
      {report.error && !report.data && <ErrorBox error={report.error} onRetry={() => void report.refetch()} />}
      {report.data && (
        <>
          <h3>
            {t('channel.findings')} <ReportTime report={report.data} />
          </h3>
          <Findings report={report.data} isOpen />
          <h3>{t('channel.outputs')}</h3>
          <Outputs outputs={report.data.outputs} />
        </>
      )}
      {status.exporter !== null && <p className="empty">{t('channel.elsewhere', { exporter: status.exporter })}</p>}
    </article>
  );
}

function Line({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{children}</td>
    </tr>
  );
}

function Events({ history, isProbed }: { history: ChannelHistory; isProbed: boolean }) {
  const { t } = useTranslation();
  return (
    <>
      <h3>{t('report.history')}</h3>
      <CutStates history={history} />
      {history.states.length === 0 ? (
        <p className="empty">{t(isProbed ? 'report.noHistory' : 'report.notProbed')}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{t('column.since')}</th>
              <th scope="col">{t('column.state')}</th>
              <th scope="col">{t('column.failed')}</th>
            </tr>
          </thead>
          <tbody>
            {history.states.map((one) => (
              <tr key={`${one.since} ${one.exporter}`}>
                <td>{fullTime(one.since)}</td>
                <td>
                  <StateMark
                    status={{
                      state: one.state as ChannelStatus['state'],
                      severity: isSeverity(one.severity) ? one.severity : null,
                    }}
                  />
                </td>
                <td>{one.failed_checks.join(', ')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}
