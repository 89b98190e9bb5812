import { useTranslation } from 'react-i18next';
import { exporterUrl } from '../api/client';
import type { Finding, Report } from '../api/types';
import { Mark } from '../severity/Mark';
import { isSeverity, severityRank } from '../severity/severity';
import { runbookOfSeverity } from './runbook';

/** Every finding of the last probe, the worst first, with its evidence and what to do. */
export function Findings({ report }: { report: Report }) {
  const { t } = useTranslation();
  const findings = [...report.findings].sort((a, b) => severityRank(b.severity) - severityRank(a.severity));
  const notRun = report.checks.filter((outcome) => outcome.result === 'not_run');
  return (
    <>
      {findings.length === 0 && <p className="empty">{t('channel.noFindings')}</p>}
      <ul className="findings">
        {findings.map((finding, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: findings have no identity, and two may be equal
          <li key={index}>
            <OneFinding finding={finding} />
          </li>
        ))}
      </ul>
      {notRun.length > 0 && (
        <details>
          <summary>{t('channel.notRun', { count: notRun.length })}</summary>
          <ul className="not-run">
            {notRun.map((outcome) => (
              <li key={`${outcome.output} ${outcome.check}`}>
                <code>{outcome.check}</code> · {outcome.output}: {outcome.reason}
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function OneFinding({ finding }: { finding: Finding }) {
  const { t } = useTranslation();
  const place = [finding.output, finding.rendition].filter(Boolean).join(' · ');
  const runbook = runbookOfSeverity(finding.severity, exporterUrl);
  const evidence = Object.entries(finding.evidence);
  return (
    <>
      <p>
        {isSeverity(finding.severity) && <Mark level={finding.severity} />} <code>{finding.check}</code> · {place}
      </p>
      <p>{finding.message}</p>
      <p className="finding-foot">
        {runbook && (
          <a href={runbook} target="_blank" rel="noreferrer">
            {t('channel.runbook')}
          </a>
        )}
        <span>
          {t('channel.reference')}: {finding.reference}
        </span>
      </p>
      {evidence.length > 0 && (
        <details>
          <summary>{t('channel.evidence')}</summary>
          <dl className="facts">
            {evidence.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{typeof value === 'string' ? value : JSON.stringify(value)}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </>
  );
}
