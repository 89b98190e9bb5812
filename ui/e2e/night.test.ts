// One night shift: what a person at the page sees and hears, and what is done about it. Prometheus is played by the test: it probes,
// and sends the alerts that its rules would send.
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHROMIUM } from './browser';
import { CHANNELS, Stack } from './stack';

const TWENTY = Array.from({ length: 20 }, (_, n) => `PACK_${String(n + 1).padStart(2, '0')}`);
const PACKAGER = '127.0.0.2';
/** Time in milliseconds from the probe of a fault until it must be on the page. */
const SOON = 2_000;

/** A channel of the origin whose picture stands still for 36 s of each 96 s. */
const FREEZES = { channel_code: 'FREEZES', channel_name: 'Kênh FREEZES', tier: 1, resolution: '480x272' };
/** Time in milliseconds in which the picture stands still at least once. */
const A_LOOP = 120_000;

const stack = new Stack({ services: true, programmes: ['frozen'] });
let browser: Browser;
let desk: Page;
let wall: Page;

beforeAll(async () => {
  if (!CHROMIUM) throw new Error('Chromium is missing: scripts/install_test_tools.sh');
  await stack.start();
  await stack.startPackager(PACKAGER);
  for (const code of TWENTY) {
    const input_url = `${stack.packagerUrl}/${CHANNELS.CLEAN}`;
    await stack.write('POST', 'channels', { channel_code: code, channel_name: `Kênh ${code}`, tier: 1, input_url });
  }
  for (const code of [...Object.keys(CHANNELS), ...TWENTY]) await stack.probeWhenKnown(code);
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  desk = await open('channels');
  wall = await open('wall');
  await rows(desk).first().waitFor();
  await desk.getByText('· live').waitFor();
  await desk.getByRole('button', { name: 'Sound', exact: true }).click();
  await wall.locator('.cell').nth(20).waitFor();
}, 240_000);

afterAll(async () => {
  await browser?.close();
  await stack.stop();
});

/** Each page is a browser of its own. Tones are noted in place of being played. */
async function open(path: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1600, height: 900 }, locale: 'en-GB' });
  const page = await context.newPage();
  await page.addInitScript(() => {
    const heard: number[] = [];
    Object.assign(window, { heard });
    const create = AudioContext.prototype.createOscillator;
    AudioContext.prototype.createOscillator = function (this: AudioContext) {
      const tone = create.call(this);
      const start = tone.start.bind(tone);
      tone.start = (when) => {
        heard.push(tone.frequency.value);
        start(when);
      };
      return tone;
    };
  });
  await page.goto(stack.url(`ui/${path}`));
  return page;
}

/** Frequencies of the tones since the last call. */
const tones = (page: Page) =>
  page.evaluate(() => (window as unknown as { heard: number[] }).heard.splice(0).map((hertz) => Math.round(hertz)));
const rows = (page: Page) => page.locator('[role="rowgroup"]').nth(1).getByRole('row');
const row = (code: string) => rows(desk).filter({ hasText: `Kênh ${code}` });

interface Status {
  code: string;
  state: string;
}

async function states(): Promise<Map<string, string>> {
  const { channels } = await stack.read<{ channels: Status[] }>('channels/status');
  return new Map(channels.map((status) => [status.code, status.state]));
}

/** Probes channels until the exporter finds each in a state that is wanted; the last probe has just ended then. */
async function probeUntil(
  codes: string[],
  isWanted: (state: string | undefined) => boolean,
  within = 30_000,
): Promise<void> {
  const end = Date.now() + within;
  for (;;) {
    await Promise.all(codes.map((code) => stack.probe(code)));
    const now = await states();
    if (codes.every((code) => isWanted(now.get(code)))) return;
    if (Date.now() > end) throw new Error(`not in time: ${codes.map((code) => `${code} ${now.get(code)}`).join()}`);
  }
}

test('the picture of a channel freezes: it is on the page, on the wall and in sound, and its playlists are fine', async () => {
  const template = { template_name: 'SIGNAL', segment_duration_target: 6, settings: { signal: 'full' } };
  const { template_id } = await stack.write<{ template_id: number }>('POST', 'templates', template);
  const input_url = `${stack.originUrl}/programme/frozen/live.m3u8`;
  await stack.write('POST', 'channels', { ...FREEZES, template_id, input_url });
  await stack.probeWhenKnown('FREEZES');
  await probeUntil(['FREEZES'], (state) => state === 'up', A_LOOP);
  await row('FREEZES').waitFor();
  await tones(desk);

  await probeUntil(['FREEZES'], (state) => state !== 'up', A_LOOP);
  await expect.poll(() => row('FREEZES').textContent(), { timeout: SOON }).toContain('picture_frozen');
  await wall.locator('.worst-one', { hasText: 'FREEZES' }).waitFor({ timeout: SOON });
  await expect.poll(() => tones(desk), { timeout: SOON }).not.toEqual([]);
  await row('FREEZES').getByRole('link').first().click();
  await desk.getByRole('heading', { name: 'FREEZES' }).waitFor();
  expect(await desk.locator('main').textContent()).toContain('picture_frozen');
  await desk.goBack();

  await probeUntil(['FREEZES'], (state) => state === 'up', A_LOOP);
  await expect.poll(() => row('FREEZES').textContent(), { timeout: SOON }).not.toContain('picture_frozen');
}, 400_000);

test('a rung disappears: it is on the page, on the wall and in sound, and two clicks say which rung and why', async () => {
  await tones(desk);
  await stack.write('PATCH', 'channels/CLEAN', { input_url: `${stack.originUrl}/${CHANNELS.RUNG_GONE}` });
  await probeUntil(['CLEAN'], (state) => state === 'degraded');
  await expect.poll(() => row('CLEAN').first().textContent(), { timeout: SOON }).toContain('rendition_unavailable');
  await wall.locator('.worst-one', { hasText: 'CLEAN' }).first().waitFor({ timeout: SOON });
  // A channel that is down meanwhile, and on which nobody works, sounds each minute.
  const others = async () => (await tones(desk)).filter((hertz) => hertz !== 880);
  await expect.poll(others, { timeout: SOON }).toEqual([587, 587]);

  await rows(desk).filter({ hasText: 'Kênh CLEAN' }).filter({ hasNotText: 'CMAF' }).getByRole('link').first().click();
  await desk.getByRole('heading', { name: 'CLEAN' }).waitFor();
  // Watchable, since when, which rung, and whether the data can be trusted.
  expect(await desk.locator('.channel-state').textContent()).toMatch(/Degraded · major.*for \d+ s/);
  expect(await desk.getByRole('row').filter({ hasText: '720p' }).first().textContent()).toContain('NO');
  await desk.getByText('Probable cause').waitFor();
  await desk.getByText('· live').waitFor();
  await desk.goBack();
});

test('a packager of twenty channels dies: one sound, twenty channels on the page and on the wall, one cause', async () => {
  await rows(desk).first().waitFor();
  await tones(desk);
  await stack.stopPackager();
  await probeUntil(TWENTY, (state) => state === 'down');
  await expect
    .poll(
      () =>
        rows(desk)
          .filter({ hasText: /Kênh PACK_\d\d/ })
          .first()
          .textContent(),
      { timeout: SOON },
    )
    .toContain('manifest_unavailable');
  const down = desk.locator('.card', { hasText: 'Down' }).locator('.card-count');
  // One of the channels was down before.
  await expect.poll(() => down.textContent(), { timeout: 6_000 }).toBe('21');
  await wall.locator('.worst-one', { hasText: 'PACK_' }).first().waitFor({ timeout: SOON });
  const heard = await tones(desk);
  expect(new Set(heard)).toEqual(new Set([880]));

  await desk.goto(stack.url('ui/channels/PACK_07'));
  await desk.getByText(`also fails on 19 of 19 other channels of ${PACKAGER}: look at the packager first`).waitFor();
});

test('the alert of the packager is acknowledged, and the other browser and Alertmanager know it', async () => {
  await stack.alertmanager?.fire('PackagerDown', 'critical', { packager: PACKAGER });
  for (const channel of TWENTY)
    await stack.alertmanager?.fire('ChannelDown', 'critical', { channel, packager: PACKAGER });
  await desk.goto(stack.url('ui/alerts'));
  await desk.getByText(`${PACKAGER}: PackagerDown`).waitFor({ timeout: 20_000 });
  await desk.getByText('PACK_20: ChannelDown').waitFor({ timeout: 20_000 });
  const colleague = await open('alerts');
  await colleague.getByText(`${PACKAGER}: PackagerDown`).waitFor();
  await desk.getByLabel('Select PackagerDown of').check();
  await desk.getByRole('button', { name: 'Acknowledge 1' }).click();
  await desk.getByLabel('Your name').fill('lan');
  await desk.getByLabel('Comment').fill('power supply, on the way');
  await desk.getByRole('dialog').getByRole('button', { name: 'Acknowledge' }).click();
  await desk.getByRole('status').filter({ hasText: 'Acknowledged 1' }).waitFor();
  await colleague.getByText('power supply, on the way').waitFor({ timeout: SOON });
  await expect
    .poll(() => stack.alertmanager?.silences())
    .toEqual([`alertname=PackagerDown,packager=${PACKAGER},severity=critical`]);
  await colleague.context().close();
});

test('all ends, and the history says what happened, when and who did what', async () => {
  await stack.startPackager(PACKAGER);
  await stack.write('PATCH', 'channels/CLEAN', { input_url: `${stack.originUrl}/${CHANNELS.CLEAN}` });
  // On a busy machine a download may be slow: a channel that is back may still be degraded.
  await probeUntil([...TWENTY, 'CLEAN'], (state) => state !== 'down');
  await desk.goto(stack.url('ui/channels?state=down'));
  await expect.poll(() => rows(desk).count(), { timeout: 6_000 }).toBe(1);
  await stack.alertmanager?.end('PackagerDown', 'critical', { packager: PACKAGER });
  for (const channel of TWENTY)
    await stack.alertmanager?.end('ChannelDown', 'critical', { channel, packager: PACKAGER });
  const active = async () => (await stack.read<{ alerts: unknown[] }>('alerts/active')).alerts.length;
  await expect.poll(active, { timeout: 30_000 }).toBe(0);
  await expect.poll(() => stack.alertmanager?.silences(), { timeout: 10_000 }).toEqual([]);

  const { alerts } = await stack.read<{ alerts: { id: number; alertname: string }[] }>('alerts');
  const packager = alerts.find((alert) => alert.alertname === 'PackagerDown');
  const { events } = await stack.read<{ events: { event: string; by: string; comment: string | null }[] }>(
    `alerts/${packager?.id}/history`,
  );
  expect(events.map(({ event, by, comment }) => [event, by, comment])).toEqual([
    ['fired', 'alertmanager', null],
    ['acknowledged', 'lan', 'power supply, on the way'],
    ['resolved', 'alertmanager', null],
  ]);
  const history = await stack.read<{ states: { state: string }[]; alerts: { alertname: string }[] }>(
    'channels/PACK_07/history',
  );
  const seen = history.states.map((state) => state.state);
  expect([seen.includes('down'), seen[0] !== 'down'], seen.join()).toEqual([true, true]);
  expect(history.alerts.map((alert) => alert.alertname)).toEqual(['ChannelDown']);
  await desk.goto(stack.url('ui/channels/PACK_07'));
  await desk.locator('.day rect.day-down').waitFor({ state: 'attached' });
  expect(await desk.locator('.day > svg').getAttribute('aria-label')).toMatch(/^down \d+ (s|min)/);
}, 90_000);
