// Measures the page with 5,000 channels in Chromium, and prints the section of docs/performance.md. It needs ui/dist and an
// exporter: $EXPORTER, or the one in target/release or target/debug.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const CHANNELS = 5000;
const IDLE_SECONDS = 60;
const root = join(import.meta.dirname, '../..');
const candidates = [
  process.env.EXPORTER,
  join(root, 'target/release/packager_exporter'),
  join(root, 'target/debug/packager_exporter'),
];
const program = candidates.find((path) => path && existsSync(path));
const executablePath = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path));
if (!program || !executablePath) throw new Error('an exporter or Chromium is missing');

const folder = mkdtempSync(join(tmpdir(), 'packager_exporter_figures_'));
const channels = Array.from({ length: CHANNELS }, (_, n) => ({
  channel_code: `CH_${String(n).padStart(4, '0')}`,
  channel_name: `Kênh ${n}`,
  tier: (n % 3) + 1,
  // Nothing is asked there: no channel is probed.
  input_url: `http://packager-${n % 100}/live/${n}/master.m3u8`,
}));
writeFileSync(join(folder, 'channels.yml'), JSON.stringify({ channels }));
writeFileSync(join(folder, 'templates.yml'), '{}');
writeFileSync(join(folder, 'exporter.yml'), '{}');

let address = '127.0.0.1:0';
let exporter;

async function start() {
  const { DATABASE_URL: _, ...env } = process.env;
  const flags = ['serve', '--config.file', join(folder, 'exporter.yml'), '--web.listen-address', address];
  exporter = spawn(program, flags, { stdio: ['ignore', 'ignore', 'pipe'], env });
  address = await new Promise((resolve, reject) => {
    let text = '';
    exporter.stderr.on('data', (piece) => {
      text += piece;
      const found = /msg=listening address=(\S+)/.exec(text);
      if (found) resolve(found[1]);
    });
    exporter.on('exit', () => reject(new Error(text)));
  });
}

async function stop() {
  const ended = new Promise((resolve) => exporter.once('exit', resolve));
  exporter.kill();
  await ended;
}

const percentile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)];
const url = (path) => `http://${address}/${path}`;

/** Bytes a second of the stream of changes when nothing changes. */
async function streamBytes() {
  const abort = new AbortController();
  const answer = await fetch(url('api/v1/events?changes=true'), { signal: abort.signal });
  const end = performance.now() + IDLE_SECONDS * 1000;
  setTimeout(() => abort.abort(), IDLE_SECONDS * 1000);
  let bytes = 0;
  try {
    for await (const piece of answer.body) bytes += piece.length;
  } catch (error) {
    if (performance.now() < end - 100) throw error;
  }
  return bytes / IDLE_SECONDS;
}

/** Milliseconds between frames while the table scrolls. */
const scroll = () =>
  new Promise((resolve) => {
    const table = document.querySelector('.table');
    const frames = [];
    let last = performance.now();
    const step = (now) => {
      frames.push(now - last);
      last = now;
      table.scrollTop += 400;
      if (frames.length < 180) requestAnimationFrame(step);
      else resolve(frames.slice(5));
    };
    requestAnimationFrame(step);
  });

await start();
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  const page = await (await browser.newContext({ viewport: { width: 1920, height: 1080 } })).newPage();
  await page.goto(url('ui/channels'));
  const rows = page.locator('.table [role="row"]');
  await rows.nth(20).waitFor();
  const shownAfter = await page.evaluate(() => performance.now());
  const inDocument = (await rows.count()) - 1;
  const firstLoad = await page.evaluate(() => {
    const files = performance.getEntriesByType('resource').filter((entry) => /\.(js|css)$/.test(entry.name));
    return files.reduce((sum, entry) => sum + entry.encodedBodySize, 0);
  });
  const frames = await page.evaluate(scroll);
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Network.enable');
  let polled = 0;
  cdp.on('Network.loadingFinished', (event) => {
    polled += event.encodedDataLength;
  });
  const stream = await streamBytes();
  const idle = stream + polled / IDLE_SECONDS;
  await stop();
  let began = performance.now();
  await page.locator('.lost').waitFor({ timeout: 60_000 });
  const lostAfter = (performance.now() - began) / 1000;
  await start();
  began = performance.now();
  await page.locator('.lost').waitFor({ state: 'detached', timeout: 60_000 });
  const backAfter = (performance.now() - began) / 1000;
  console.log(`
## The web page with ${CHANNELS} channels

Written by \`node ui/scripts/figures.mjs\`, which \`make bench\` runs: headless Chromium and the exporter on the same ${cpus().length} cores; no channel is probed.

| figure | measured | aim |
|---|---|---|
| rows shown after navigation | ${(shownAfter / 1000).toFixed(2)} s | 1.5 s |
| rows in the document | ${inDocument} | 60 |
| time between frames while scrolling, p95 | ${percentile(frames, 0.95).toFixed(0)} ms | 50 ms |
| scripts and styles of the first load, compressed | ${(firstLoad / 1000).toFixed(0)} kB | 200 kB |
| bytes a second for a page when nothing changes | ${(idle / 1000).toFixed(1)} kB (stream ${(stream / 1000).toFixed(1)} kB) | 20 kB |
| banner after the exporter stopped | ${lostAfter.toFixed(1)} s | 20 s |
| banner gone after the exporter started again | ${backAfter.toFixed(1)} s | 15 s |`);
} finally {
  await browser.close();
  await stop().catch(() => undefined);
  rmSync(folder, { recursive: true });
}
