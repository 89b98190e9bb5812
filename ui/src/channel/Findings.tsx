import { useTranslation } from 'react-i18next';
import { exporterUrl } from '../api/client';
import { useChecks } from '../api/queries';
import type { Check, Finding, Report } from '../api/types';
import { Mark } from '../severity/Mark';
import { isSeverity, severityRank } from '../severity/severity';
import { runbookOfCheck } from './runbook';

/** Every finding of the last probe, the worst first, with its evidence and what to do. */
export function Findings({ report, isOpen = false }: { report: Report; isOpen?: boolean }) {
  const { t } = useTranslation();
  const checks = useChecks();
  const findings = [...report.findings].sort((a, b) => severityRank(b.severity) - severityRank(a.severity));
  const notRun = report.checks.filter((outcome) => outcome.result === 'not_run');
  return (
    <>
      {findings.length === 0 && <p className="empty">{t('channel.noFindings')}</p>}
      <ul className="findings">
        {findings.map((finding, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: findings have no identity, and two may be equal
          <li key={index}>
            <OneFinding
              finding={finding}
              check={checks.data?.get(finding.check)}
              isCheckRead={!checks.isPending}
              isOpen={isOpen}
            />
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

interface FindingProps {
  finding: Finding;
  /** What the check means; `undefined` until it was read. */
  check: Check | undefined;
  /** Whether it was read, or could not be. */
  isCheckRead: boolean;
  /** Whether the evidence is shown at once. */
  isOpen: boolean;
}

function OneFinding({ finding, check, isCheckRead, isOpen }: FindingProps) {
  const { t } = useTranslation();
  const place = [finding.output, finding.rendition].filter(Boolean).join(' · ');
  // The check's own alert, else the one that reports this severity. Before the checks were read, it would be the wrong one.
  const runbook = isCheckRead ? runbookOfCheck(finding, check, exporterUrl) : null;
  const evidence = Object.entries(finding.evidence);
  return (
    <>
      <p>
        {isSeverity(finding.severity) && <Mark level={finding.severity} />}{' '}
        <code title={check?.help}>{finding.check}</code> · {place}
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
        <details open={isOpen}>
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
