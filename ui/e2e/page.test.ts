import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { axeProblems, CHROMIUM } from './browser';
import { CHANNELS, Stack } from './stack';

const stack = new Stack();
let browser: Browser;
const pages: Page[] = [];
const problems: string[] = [];

beforeAll(async () => {
  if (!CHROMIUM) throw new Error('Chromium is missing: scripts/install_test_tools.sh');
  await stack.start();
  await Promise.all(Object.keys(CHANNELS).map((code) => stack.probe(code)));
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
});

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
  // What the policy refuses is written to the console.
  page.on('console', (message) => message.text().includes('Content Security Policy') && problems.push(message.text()));
  await page.goto(stack.url(`ui/${path}`));
  return page;
}

const rows = (page: Page) => page.locator('[role="rowgroup"]').nth(1).getByRole('row');

test('what is wrong stands on top, with its checks and rungs, and the cards count it', async () => {
  const page = await open('');
  await rows(page).first().waitFor();
  expect(new URL(page.url()).pathname).toBe('/monitor/ui/channels');
  const texts = await rows(page).allInnerTexts();
  expect(texts[0]).toContain('GONE');
  expect(texts[0]).toContain('manifest_unavailable');
  expect(texts[1]).toContain('RUNG_GONE');
  expect(texts[1]).toContain('3/4');
  const card = (name: string) => page.locator('.card', { hasText: name }).locator('.card-count').textContent();
  expect(await Promise.all(['Active channels', '4K channels', 'CRITICAL', 'Down', 'Not probed'].map(card))).toEqual([
    '4',
    '1',
    '1',
    '1',
    '0',
  ]);
  await page.getByText('There is no database').waitFor();
});

test('a filter stands in the URL, and its link shows the same rows', async () => {
  const page = await open('channels?state=down');
  await rows(page).first().waitFor();
  expect(await rows(page).count()).toBe(1);
  await page.getByLabel('State').selectOption('');
  await page.getByLabel('Search code or name').fill('kenh clean');
  await expect.poll(() => rows(page).count()).toBe(2);
  expect(new URL(page.url()).search).toBe('?q=kenh+clean');
  await page.locator('.card', { hasText: '4K channels' }).click();
  await expect.poll(() => rows(page).count()).toBe(1);
});

test('a fault is on the page within two seconds of its probe, without a reload', async () => {
  const page = await open('channels');
  await rows(page).first().waitFor();
  await page.getByText('· live').waitFor();
  const text = () => rows(page).filter({ hasText: 'Kênh RUNG_GONE' }).textContent();
  const before = await text();
  // A change is what counts: the channel is unknown to an exporter that has just started.
  await stack.stopExporter();
  await stack.startExporter();
  await expect.poll(text, { timeout: 20_000 }).toContain('Not probed');
  await page.getByText('· live').waitFor();
  await stack.probe('RUNG_GONE');
  await expect.poll(text, { timeout: 2_000 }).toContain('rendition_unavailable');
  expect(before).toContain('rendition_unavailable');
  await Promise.all(Object.keys(CHANNELS).map((code) => stack.probe(code)));
});

test('a channel tells which rendition is gone, why, and what to do', async () => {
  const page = await open('channels/RUNG_GONE');
  await page.getByText('media playlist: HTTP status 404').waitFor();
  const rendition = page.getByRole('row').filter({ hasText: '720p' });
  expect(await rendition.textContent()).toContain('NO');
  const runbook = await page.getByText('What to do').first().getAttribute('href');
  expect(runbook).toBe(stack.url('runbooks/RenditionDown'));
  await page.getByText('Probe now').click();
  await expect.poll(() => page.locator('.facts').first().textContent()).toContain('0 s');
});

test('the page speaks Vietnamese, and keeps it', async () => {
  const page = await open('channels');
  await page.getByLabel('Language').selectOption('vi');
  await page.getByText('Kênh đang hoạt động').waitFor();
  await page.reload();
  await page.getByText('Mất tín hiệu').first().waitFor();
  expect(await page.locator('html').getAttribute('lang')).toBe('vi');
});

test('keys go to the search, through the rows and to the wall', async () => {
  const page = await open('channels');
  await rows(page).first().waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('gone');
  await page.keyboard.press('Escape');
  await page.locator('.table').focus();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'GONE' }).waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('w');
  await page.locator('.cells').waitFor();
});

test('an exporter that does not answer turns the wall grey within 20 s, and it comes back by itself', async () => {
  const page = await open('wall');
  await page.locator('.cell').nth(3).waitFor();
  await stack.stopExporter();
  await page.locator('.no-data').waitFor({ timeout: 20_000 });
  expect(await page.locator('main').getAttribute('data-freshness')).toBe('lost');
  await stack.startExporter();
  await page.locator('.no-data').waitFor({ state: 'detached', timeout: 15_000 });
  await stack.probe('GONE');
  await page.locator('.worst-one', { hasText: 'GONE' }).waitFor({ timeout: 15_000 });
  await Promise.all(Object.keys(CHANNELS).map((code) => stack.probe(code)));
});

test('ten tabs of a browser all follow, over one connection each way', async () => {
  const first = await open('wall');
  const context = first.context();
  const others = await Promise.all(Array.from({ length: 9 }, () => context.newPage()));
  await Promise.all(others.map((page) => page.goto(stack.url('ui/channels'))));
  await Promise.all(others.map((page) => page.getByText('· live').waitFor()));
});

test('a phone shows every screen without moving it sideways, and no button is cut', async () => {
  for (const [path, text] of [
    ['channels', 'RUNG_GONE'],
    ['channels/RUNG_GONE', 'HTTP status 404'],
    ['mosaic', 'RUNG_GONE'],
    ['metrics?channels=CLEAN', 'Mbit/s'],
    ['wall', 'RUNG_GONE'],
  ] as const) {
    const page = await open(path);
    await page.setViewportSize({ width: 390, height: 844 });
    await page.getByText(text).filter({ visible: true }).first().waitFor();
    const wider = await page.evaluate(() => {
      const inside = (element: Element) => element.scrollWidth <= element.clientWidth;
      const parts = [document.documentElement, ...document.querySelectorAll('main, .header button')];
      return parts.filter((part) => !inside(part)).map((part) => part.outerHTML.slice(0, 80));
    });
    expect(wider, path).toEqual([]);
  }
});

test.each(['dark', 'light'] as const)('axe finds nothing on any screen in the %s theme', async (scheme) => {
  for (const path of ['channels', 'channels/RUNG_GONE', 'alerts', 'wall']) {
    const page = await open(path, scheme);
    await page
      .getByText(path === 'alerts' ? 'DATABASE_URL' : 'RUNG_GONE')
      .first()
      .waitFor();
    expect(await axeProblems(page), path).toEqual([]);
    await page.context().close();
    pages.splice(0);
  }
});

test('no script failed, and the policy refused nothing that the page needs', () => {
  expect(problems).toEqual([]);
});
