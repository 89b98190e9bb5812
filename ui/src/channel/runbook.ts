import type { Alert, Check } from '../api/types';

/** Alert that reports a check of this severity when no alert of its own does. */
const BY_SEVERITY: Record<string, string> = {
  critical: 'ChannelDown',
  major: 'ChannelDegraded',
  minor: 'ChannelDefect',
  warning: 'ChannelAdvisory',
};

/** Link to the runbook of an alert: its annotation if that is a link, else the shipped runbook of its name. */
export function runbookOf(alert: Pick<Alert, 'alertname' | 'annotations'>, exporterUrl: string): string {
  const given = alert.annotations.runbook_url ?? '';
  return isWebLink(given) ? given : `${exporterUrl}/runbooks/${encodeURIComponent(alert.alertname)}`;
}

/** Link to the runbook for a finding of this severity. */
export function runbookOfSeverity(severity: string, exporterUrl: string): string | null {
  const name = BY_SEVERITY[severity];
  return name ? `${exporterUrl}/runbooks/${name}` : null;
}

/**
 * Link to the runbook for a finding: that of the check's own alert where the check has one; else that of the alert for the
 * finding's severity, which a template may have changed.
 */
export function runbookOfCheck(
  finding: { severity: string },
  check: Pick<Check, 'alert'> | undefined,
  exporterUrl: string,
): string | null {
  const hasOwn = check && !Object.values(BY_SEVERITY).includes(check.alert);
  return hasOwn ? `${exporterUrl}/runbooks/${check.alert}` : runbookOfSeverity(finding.severity, exporterUrl);
}

/** A link of an alert is foreign text: only http and https may become a link. */
export function isWebLink(text: string): boolean {
  try {
    const { protocol } = new URL(text);
    return protocol === 'https:' || protocol === 'http:';
  } catch {
    // `URL.parse` would not throw, but browsers before 2024 don't have it.
    return false;
  }
}
