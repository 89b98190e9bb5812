// What people do on the page, with PostgreSQL and Alertmanager.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { axeProblems, CHROMIUM } from './browser';
import { CHANNELS, Stack } from './stack';

// `PICTURES=1` writes the pictures of docs/noc-page.md.
const PICTURES = process.env.PICTURES ? join(import.meta.dirname, '../../docs/images') : null;

const stack = new Stack({ services: true });
let browser: Browser;
const pages: Page[] = [];
const problems: string[] = [];

beforeAll(async () => {
  if (!CHROMIUM) throw new Error('Chromium is missing: scripts/install_test_tools.sh');
  await stack.start();
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  for (const code of Object.keys(CHANNELS)) await stack.probeWhenKnown(code);
  // A second probe, so that a chart has a line.
  await Promise.all(Object.keys(CHANNELS).map((code) => stack.probe(code)));
  if (!PICTURES) return;
  mkdirSync(PICTURES, { recursive: true });
  for (let probe = 0; probe < 12; probe += 1) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await Promise.all(Object.keys(CHANNELS).map((code) => stack.probe(code)));
  }
}, 180_000);

afterEach(async () => {
  await Promise.all(pages.splice(0).map((page) => page.context().close()));
});

afterAll(async () => {
  await browser?.close();
  await stack.stop();
});

async function open(path: string, colorScheme: 'dark' | 'light' = 'dark'): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1600, height: 900 }, colorScheme, locale: 'en-GB' });
  const page = await context.newPage();
  pages.push(page);
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => message.text().includes('Content Security Policy') && problems.push(message.text()));
  await page.goto(stack.url(`ui/${path}`));
  return page;
}

async function picture(page: Page, name: string): Promise<void> {
  if (!PICTURES) return;
  // A dialog closes, and pictures and charts are drawn.
  await page.waitForTimeout(1000);
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}

const silences = () => stack.alertmanager?.silences();

test('the mosaic shows the worst channel first, and a tile without a picture says so', async () => {
  const page = await open('mosaic');
  const tiles = page.locator('.tile');
  await tiles.nth(3).waitFor();
  const texts = await tiles.allInnerTexts();
  expect(texts[0]).toContain('GONE');
  expect(texts[0]).toContain('manifest_unavailable');
  expect(texts[3]).toContain('no picture');
  await picture(page, 'noc-mosaic');
  await tiles.first().click();
  await page.getByRole('heading', { name: 'GONE' }).waitFor();
});

test('the table and the wall agree on what is worst', async () => {
  const table = await open('channels');
  const first = table.locator('[role="rowgroup"]').nth(1).getByRole('row').first();
  await first.waitFor();
  expect(await first.textContent()).toContain('GONE');
  await picture(table, 'noc-channels');
  const wall = await open('wall');
  await wall.locator('.cell').nth(3).waitFor();
  expect(await wall.locator('.worst-one').first().textContent()).toContain('Kênh GONE');
  await expect.poll(() => wall.title()).toMatch(/^1 down · 127\.0\.0\.1:\d+\/monitor · Wall$/);
  await picture(wall, 'noc-wall');
});

test('metrics of two channels are compared, and the link holds them', async () => {
  const page = await open('metrics');
  await page.getByText('Add up to six channels').waitFor();
  const field = page.getByLabel('Channel', { exact: true });
  await field.fill('clean_cmaf');
  await page.getByRole('button', { name: 'Add' }).click();
  await field.fill('RUNG_GONE');
  await page.keyboard.press('Enter');
  const chart = page.locator('.chart', { hasText: 'Bit rate' });
  await chart.locator('canvas').waitFor();
  expect(await chart.locator('.legend').textContent()).toMatch(/CLEAN_CMAF\s*\d+\.\d\d Mbit\/s/);
  expect(await page.locator('.chart', { hasText: 'Video MOS' }).textContent()).toContain('Not measured');
  await picture(page, 'noc-metrics');
  await page.reload();
  await page.locator('.chosen').getByText('CLEAN_CMAF').waitFor();
  await page.getByRole('button', { name: 'Remove RUNG_GONE' }).click();
  await expect.poll(() => new URL(page.url()).search).toBe('?channels=CLEAN_CMAF');
});

test('the page of a channel has a line for each rung', async () => {
  const page = await open('channels/CLEAN');
  const chart = page.locator('.chart', { hasText: 'Bit rate' });
  await chart.locator('canvas').waitFor();
  expect(await chart.locator('.legend').textContent()).toContain('720p');
  await page.locator('.chart', { hasText: 'Download ratio' }).locator('canvas').waitFor();
  await picture(page, 'noc-channel');
});

test('maintenance from the menu of a row is a silence in Alertmanager, until it is ended', async () => {
  const page = await open('channels');
  await page.getByRole('button', { name: 'Actions for CLEAN', exact: true }).click();
  await page.getByRole('button', { name: 'Maintenance' }).click();
  await page.getByLabel('Your name').fill('lan');
  await page.getByLabel('Comment').fill('new encoder');
  await page.getByRole('button', { name: 'Begin maintenance' }).click();
  await page.getByText('by lan, ends in').waitFor();
  await picture(page, 'noc-maintenance');
  expect(await silences()).toEqual(['channel=CLEAN']);
  const other = await open('channels/CLEAN');
  await other.getByText('new encoder').waitFor();
  await other.getByRole('button', { name: 'End maintenance' }).click();
  await expect.poll(silences).toEqual([]);
});

test('an alert that was acknowledged by mistake fires again after the undo', async () => {
  await stack.alertmanager?.fire('ChannelDegraded', 'major', { channel: 'RUNG_GONE' });
  await stack.alertmanager?.fire('ChannelDown', 'critical', { channel: 'GONE' });
  const page = await open('alerts');
  await page.getByText('GONE: ChannelDown', { exact: true }).waitFor({ timeout: 20_000 });
  await page.getByText('RUNG_GONE: ChannelDegraded').waitFor({ timeout: 20_000 });
  await page.getByLabel('Select ChannelDown of GONE').check();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Acknowledge 1' }).click();
  await page.getByLabel('Your name').fill('lan');
  await page.getByLabel('Comment').fill('on it');
  await page.getByRole('dialog').getByRole('button', { name: 'Acknowledge' }).click();
  const done = page.getByRole('status').filter({ hasText: 'Acknowledged 1' });
  await done.waitFor();
  await picture(page, 'noc-alerts');
  await expect.poll(async () => (await silences())?.length).toBe(1);
  await done.getByRole('button', { name: 'Undo' }).click();
  await done.waitFor({ state: 'detached' });
  await expect.poll(silences).toEqual([]);
  const { alerts } = await stack.read<{ alerts: Record<string, string>[] }>('alerts/active');
  const seen = alerts.map((alert) => `${alert.alertname} ${alert.status} ${alert.starts_at} ${alert.fingerprint}`);
  expect(seen.map((one) => one.split(' ').slice(0, 2).join(' ')).sort(), seen.join('\n')).toEqual([
    'ChannelDegraded firing',
    'ChannelDown firing',
  ]);
});

test('a field that the exporter refuses has the reason beside it', async () => {
  const page = await open('channels/CLEAN/edit');
  await page.getByLabel(/^Frames per second/).fill('0');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('is 0; allowed is 1 to 300').waitFor();
  expect(await page.getByLabel(/^Frames per second/).getAttribute('aria-invalid')).toBe('true');
  await page.getByLabel(/^Frames per second/).fill('fast');
  await page.getByText('Write a number.').waitFor();
  expect(await page.getByRole('button', { name: 'Save' }).isDisabled()).toBe(true);
});

test('two people who edit one channel lose nothing', async () => {
  const page = await open('channels/CLEAN_CMAF/edit');
  await page.getByLabel(/^Tier/).fill('3');
  await page.getByLabel(/^Video codec/).fill('H.264');
  await stack.write('PATCH', 'channels/CLEAN_CMAF', { tier: 1, fps: 25 });
  await page.getByRole('button', { name: 'Save' }).click();
  const conflict = page.getByRole('alert').filter({ hasText: 'Somebody changed this channel' });
  await conflict.waitFor();
  expect(await conflict.textContent()).toContain('These changes of the other person stay: fps');
  await picture(page, 'noc-edit');
  await conflict.getByLabel('1', { exact: true }).check();
  await page.getByRole('button', { name: 'Continue with this choice' }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  // The heading of the form has the code too.
  await page.waitForURL('**/channels/CLEAN_CMAF');
  const channel = await stack.read<Record<string, unknown>>('channels/CLEAN_CMAF');
  expect([channel.tier, channel.fps, channel.codec]).toEqual([1, 25, 'H.264']);
});

test('a channel is probed before it is saved, and a wrong address is seen', async () => {
  const page = await open('new-channel');
  await page.getByLabel(/^Code/).fill('NEW_1');
  await page.getByLabel(/^URL of the output hls/).fill(`${stack.originUrl}/${CHANNELS.GONE}`);
  await page.getByRole('button', { name: 'Probe before saving' }).click();
  await page.getByText('Viewers can’t watch it').waitFor();
  await page.getByLabel(/^URL of the output hls/).fill(`${stack.originUrl}/${CHANNELS.CLEAN}`);
  await page.getByRole('button', { name: 'Probe before saving' }).click();
  await page.getByText('Viewers can watch it').waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'NEW_1' }).waitFor();
  await stack.write('PATCH', 'channels/NEW_1', { enabled: false });
});

test('bad rows of an import are shown with their lines, and nothing is written before all are good', async () => {
  const page = await open('import');
  const head = 'channel_code,channel_name,tier,fps,input_url\n';
  const row = (code: string, fps: string, url = 'http://packager-01/a.m3u8') => `${code},${code},1,${fps},${url}\n`;
  const bad = head + row('IMP_1', '25') + row('IMP 2', '25') + row('IMP_3', '0') + row('IMP_4', '25', 'ftp://a/b');
  await page.getByLabel('Rows to import').fill(bad);
  await page.getByRole('button', { name: 'Check the rows' }).click();
  await page.getByText('Nothing was imported. 3 rows are bad:').waitFor();
  const lines = page.getByRole('alert').getByRole('rowheader');
  expect(await lines.allInnerTexts()).toEqual(['3', '4', '5']);
  await picture(page, 'noc-import');
  expect(await page.getByRole('button', { name: 'Import', exact: true }).isDisabled()).toBe(true);
  await page.getByLabel('Rows to import').fill(head + row('IMP_1', '25') + row('IMP_3', '50'));
  await page.getByRole('button', { name: 'Check the rows' }).click();
  await page.getByText('2 to create').waitFor();
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByText('Imported: 2 created').waitFor();
  expect((await stack.read<{ fps: number }>('channels/IMP_3')).fps).toBe(50);
  for (const code of ['IMP_1', 'IMP_3']) await stack.write('PATCH', `channels/${code}`, { enabled: false });
});

test('the report of a channel prints its findings with their evidence, without the buttons', async () => {
  const page = await open('channels/RUNG_GONE/report', 'light');
  await page.getByText('media playlist: HTTP status 404').waitFor();
  expect(await page.locator('details[open] dd').first().textContent()).not.toBe('');
  await page.emulateMedia({ media: 'print' });
  expect(await page.getByRole('button', { name: 'Print' }).isVisible()).toBe(false);
  expect(await page.locator('.header').isVisible()).toBe(false);
});

test.each(['dark', 'light'] as const)('axe finds nothing on the screens of work in the %s theme', async (scheme) => {
  const screens: [string, string][] = [
    ['mosaic', 'manifest_unavailable'],
    ['metrics?channels=CLEAN,RUNG_GONE', 'Mbit/s'],
    ['channels/CLEAN/edit', 'Frames per second'],
    ['channels/RUNG_GONE/report', 'HTTP status 404'],
    ['import', 'Rows to import'],
    ['alerts', 'ChannelDegraded'],
    ['channels/RUNG_GONE', 'Last 24 hours'],
  ];
  for (const [path, text] of screens) {
    const page = await open(path, scheme);
    await page.getByText(text).filter({ visible: true }).first().waitFor();
    expect(await axeProblems(page), path).toEqual([]);
  }
});

test('no script failed, and the policy refused nothing that the page needs', () => {
  expect(problems).toEqual([]);
});
