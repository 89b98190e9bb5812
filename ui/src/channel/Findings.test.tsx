// @vitest-environment happy-dom
import { cleanup, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import type { Report } from '../api/types';
import { renderPage, TestExporter } from '../testingPage';
import { Findings } from './Findings';

afterEach(cleanup);

const report: Report = {
  target: 'A',
  template: 'T',
  started_at: '2026-01-31T18:00:00Z',
  duration_seconds: 1,
  success: true,
  outputs: [],
  checks: [],
  findings: [
    {
      check: 'rendition_unavailable',
      severity: 'major',
      output: 'hls',
      rendition: '720p',
      message: 'HTTP status 404',
      evidence: {},
      reference: 'RFC 8216',
    },
  ],
};

test('a finding leads to the runbook of its own alert, and nowhere before that is known', async () => {
  let answer: (response: Response) => void = () => undefined;
  const exporter = new TestExporter({
    'GET checks': () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  });
  renderPage(<Findings report={report} />);
  await screen.findByText('HTTP status 404');
  await waitFor(() => expect(exporter.requests).toEqual(['GET checks']));
  expect(screen.queryByText('What to do')).toBeNull();
  answer(Response.json({ checks: [{ id: 'rendition_unavailable', alert: 'RenditionDown', help: '' }] }));
  expect((await screen.findByText('What to do')).getAttribute('href')).toMatch(/\/runbooks\/RenditionDown$/);
});

test('where the checks can not be read, the runbook is the one for the severity', async () => {
  new TestExporter({ 'GET checks': 503 });
  renderPage(<Findings report={report} />);
  expect((await screen.findByText('What to do')).getAttribute('href')).toMatch(/\/runbooks\/ChannelDegraded$/);
});
