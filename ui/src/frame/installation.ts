import { exporterUrl } from '../api/client';
import { useSummary } from '../api/queries';

/**
 * The name by which people tell this installation from others that they have open: the one that the exporter gives, else its
 * address without the scheme.
 */
export function useInstallationName(): string {
  const given = useSummary().data?.installation;
  return given || exporterUrl.replace(/^https?:\/\//, '');
}
