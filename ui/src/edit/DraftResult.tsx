import { useTranslation } from 'react-i18next';
import type { Report } from '../api/types';
import { Findings } from '../channel/Findings';
import { Outputs } from '../channel/Outputs';

/** What a probe of the unsaved channel found. */
export function DraftResult({ report }: { report: Report }) {
  const { t } = useTranslation();
  const renditions = report.outputs.flatMap((output) => output.renditions);
  const key = report.success ? 'edit.probe.good' : 'edit.probe.bad';
  return (
    <section className="box wide" aria-label={t('edit.probe')} role="status">
      <strong data-bad={!report.success}>{t(key, { count: renditions.length })}</strong>
      <Findings report={report} />
      <Outputs outputs={report.outputs} />
    </section>
  );
}
