// @vitest-environment happy-dom
import { act, cleanup, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keys } from '../api/queries';
import { channel, failed } from '../testing';
import { renderPage, summaryOf, TestExporter } from '../testingPage';
import { MosaicScreen } from './MosaicScreen';

/** Tells the width once it is asked for; `width` may be set later. */
class Sized {
  static width = 300;
  constructor(private readonly tell: ResizeObserverCallback) {}
  observe = (target: Element) => {
    const contentRect = { width: Sized.width, height: 600 } as DOMRectReadOnly;
    this.tell([{ target, contentRect } as ResizeObserverEntry], this as unknown as ResizeObserver);
  };
  unobserve = () => undefined;
  disconnect = () => undefined;
}

// The environment has no layout: a tile fills a row.
beforeEach(() => {
  Sized.width = 300;
  vi.stubGlobal('ResizeObserver', Sized);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(600);
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(300);
  vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(600);
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const statuses = (...channels: ReturnType<typeof channel>[]) => ({ source: 'memory', channels });
const down = (code: string) =>
  channel({ code, state: 'down', severity: 'critical', failed: [failed('manifest_unavailable', 'critical')] });
const codes = () => screen.getAllByRole('link').map((tile) => tile.querySelector('strong')?.textContent);

test('a tile that moves because its channel got worse keeps its picture', async () => {
  const exporter = new TestExporter({
    'GET channels/summary': summaryOf(),
    'GET channels/status': statuses(channel({ code: 'A' }), channel({ code: 'B' })),
    'GET channels/A/thumbnail': () => new Response('picture', { headers: { age: '5' } }),
    'GET channels/B/thumbnail': () => new Response('picture', { headers: { age: '5' } }),
  });
  const { client } = renderPage(<MosaicScreen />, '/mosaic');
  await screen.findByAltText('Last picture of B');
  const picture = screen.getByAltText('Last picture of B');
  act(() => void client.setQueryData(keys.statuses, statuses(channel({ code: 'A' }), down('B'))));
  await waitFor(() => expect(codes()).toEqual(['B', 'A']));
  expect(screen.getByAltText('Last picture of B')).toBe(picture);
  expect(exporter.requests.filter((request) => request.endsWith('thumbnail'))).toHaveLength(2);
});

test('a tile has the loudness of its channel, and says when it is not the wanted one', async () => {
  const now = Math.floor(Date.now() / 1000);
  const times = [now - 15, now];
  const lines = [{ output: 'hls', rendition: 'vi', values: [-23, -14] }];
  const thresholds = { loudness_target: -23, loudness_tolerance: 1 };
  const series = { metric: 'loudness', source: 'memory', why: null, step: null, times, lines, thresholds };
  const exporter = new TestExporter({
    'GET channels/status': statuses(
      channel({ code: 'A' }),
      channel({ code: 'B' }),
      channel({ code: 'C', state: 'unknown' }),
    ),
    'GET channels/A/series': { ...series, channel: 'A' },
    'GET channels/B/series': { ...series, channel: 'B', lines: [] },
  });
  renderPage(<MosaicScreen />, '/mosaic');
  await screen.findByText('▲ -14.0 LUFS');
  expect(document.querySelectorAll('.loudness')).toHaveLength(1);
  expect(document.querySelector('.loudness title')?.textContent).toBe('Loudness -14.0 LUFS: too loud');
  // Of a channel that nobody probes, no loudness is of the present.
  expect(exporter.requests).not.toContain('GET channels/C/series');
});

test.each([
  ['an empty catalogue', [], /^The catalogue has no channel/],
  ['a filter that no channel passes', [channel({ code: 'A' })], 'No channel matches the filters.'],
])('%s has its own words', async (_, channels, text) => {
  new TestExporter({ 'GET channels/status': statuses(...channels) });
  renderPage(<MosaicScreen />, '/mosaic?state=down');
  screen.getByText('Reading the channels …');
  await screen.findByText(text);
});

test('no tile is drawn as a line before the width of the mosaic is known', async () => {
  Sized.width = 0;
  new TestExporter({ 'GET channels/status': statuses(channel({ code: 'A' })) });
  renderPage(<MosaicScreen />, '/mosaic');
  await screen.findByText('1 of 1 channels');
  await act(() => new Promise((resolve) => setTimeout(resolve, 50)));
  expect(screen.queryAllByRole('link')).toEqual([]);
});
