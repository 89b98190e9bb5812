import { Button, type ButtonProps } from '@mantine/core';
import { useSummary } from '../api/queries';

/** Leads to the dashboard of a channel, where the exporter knows Grafana. */
export function GrafanaButton({ code, ...props }: { code: string } & ButtonProps) {
  const grafana = useSummary().data?.grafana;
  if (!grafana) return null;
  return (
    <Button
      variant="default"
      component="a"
      href={`${grafana}/d/packager-channel?var-channel=${encodeURIComponent(code)}`}
      target="_blank"
      rel="noreferrer"
      {...props}
    >
      Grafana
    </Button>
  );
}
