import type { ChannelStatus } from './api/types';

/** A healthy channel with the given differences, for tests. */
export function channel(changes: Partial<ChannelStatus> & { code: string }): ChannelStatus {
  return {
    name: changes.code,
    tier: 1,
    channel_type: 'LIVE',
    is_4k: false,
    is_hdr: false,
    packager: 'packager-01',
    template: 'TPL_HD',
    state: 'up',
    severity: null,
    since: '2026-01-31T18:00:00Z',
    since_exact: true,
    failed: [],
    rungs: { output: 'hls', available: 5, expected: 5 },
    codec: { declared: 'H.264', measured: 'avc1.640028' },
    resolution: { declared: '1920x1080', measured: '1920x1080' },
    last_probe: { started_at: '2026-01-31T18:00:00Z', duration_seconds: 0.3 },
    exporter: null,
    ...changes,
  };
}

/** A failed check of the given severity, for tests. */
export function failed(check: string, severity = 'major') {
  return { check, severity, since: '2026-01-31T18:00:00Z' };
}
