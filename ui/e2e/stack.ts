import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const programs = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug');
/** Prefix under which the exporter is served: every link of the page must work behind one. */
const PREFIX = '/monitor';

/** Codes of the channels, with their paths at the live origin. */
export const CHANNELS: Record<string, string> = {
  CLEAN: 'live/TV1/master.m3u8',
  CLEAN_CMAF: 'live/CM1/master.m3u8',
  GONE: 'fault/master_404/TV1/master.m3u8',
  RUNG_GONE: 'fault/rendition_404/TV1/master.m3u8',
};

/** The exporter and the live origin, as programs of their own. */
export class Stack {
  private readonly folder = mkdtempSync(join(tmpdir(), 'packager_exporter_ui_'));
  private origin: ChildProcess | undefined;
  private exporter: ChildProcess | undefined;
  private address = '127.0.0.1:0';

  async start(): Promise<void> {
    this.origin = spawn(join(programs, 'live_origin'), ['--listen', '127.0.0.1:0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const origin = await said(this.origin.stdout, /listening on (http:\S+)/);
    const channels = Object.entries(CHANNELS).map(([code, path]) => ({
      channel_code: code,
      channel_name: `Kênh ${code}`,
      input_url: `${origin}/${path}`,
      tier: code === 'CLEAN' ? 1 : 2,
      is_4k: code === 'CLEAN_CMAF',
    }));
    // JSON is YAML.
    writeFileSync(join(this.folder, 'channels.yml'), JSON.stringify({ channels }));
    writeFileSync(join(this.folder, 'templates.yml'), '{}');
    writeFileSync(join(this.folder, 'exporter.yml'), '{}');
    await this.startExporter();
  }

  /** Starts the exporter, at the address that it had before. */
  async startExporter(): Promise<void> {
    const arguments_ = [
      'serve',
      '--config.file',
      join(this.folder, 'exporter.yml'),
      '--web.listen-address',
      this.address,
    ];
    const prefix = [`--web.route-prefix=${PREFIX}`, `--web.external-url=http://127.0.0.1${PREFIX}`];
    const { DATABASE_URL: _, ...env } = process.env;
    this.exporter = spawn(join(programs, 'packager_exporter'), [...arguments_, ...prefix], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env,
    });
    this.address = await said(this.exporter.stderr, /msg=listening address=(\S+)/);
  }

  async stopExporter(): Promise<void> {
    await ended(this.exporter);
  }

  url(path: string): string {
    return `http://${this.address}${PREFIX}/${path}`;
  }

  /** Probes a channel as Prometheus does. */
  async probe(code: string): Promise<void> {
    const headers = { 'X-Prometheus-Scrape-Timeout-Seconds': '15' };
    const answer = await fetch(this.url(`probe?target=${code}`), { headers });
    if (!answer.ok) throw new Error(await answer.text());
  }

  async stop(): Promise<void> {
    await Promise.all([ended(this.exporter), ended(this.origin)]);
    rmSync(this.folder, { recursive: true });
  }
}

/** The first group of the pattern in what a program writes. */
function said(stream: NodeJS.ReadableStream | null, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    stream?.on('data', (piece: Buffer) => {
      text += piece;
      const match = pattern.exec(text);
      if (match?.[1]) resolve(match[1]);
    });
    stream?.on('close', () => reject(new Error(`the program ended: ${text}`)));
  });
}

async function ended(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await exit;
}
