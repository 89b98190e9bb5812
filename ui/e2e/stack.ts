import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Alertmanager, ended, freePort, Postgres, until } from './services';

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
  private packager: ChildProcess | undefined;
  private exporter: ChildProcess | undefined;
  private address = '127.0.0.1:0';
  /** Address of the live origin. */
  originUrl = '';
  /** Address of the second origin, which a test can stop. */
  packagerUrl = '';
  private readonly programmes: string[];
  private readonly postgres: Postgres | undefined;
  readonly alertmanager: Alertmanager | undefined;

  /** With `services` the exporter has PostgreSQL and Alertmanager. The origin encodes and plays the `programmes`. */
  constructor({ services = false, programmes = [] as string[] } = {}) {
    this.programmes = programmes;
    if (!services) return;
    this.postgres = new Postgres();
    this.alertmanager = new Alertmanager();
  }

  async start(): Promise<void> {
    const programmes = this.programmes.flatMap((id) => ['--programme', id]);
    this.origin = spawn(join(programs, 'live_origin'), ['--listen', '127.0.0.1:0', ...programmes], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const origin = await said(this.origin.stdout, /listening on (http:\S+)/);
    this.originUrl = origin;
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
    this.address = `127.0.0.1:${await freePort()}`;
    await this.postgres?.start();
    await this.alertmanager?.start(this.url('api/v1/alerts/webhook'));
    await this.startExporter();
    if (this.postgres) {
      await this.ready();
      for (const channel of channels) await this.write('POST', 'channels', channel);
    }
  }

  /** Waits until the database has its tables and the exporter its catalogue, for half a minute at most. */
  private async ready(): Promise<void> {
    for (let left = 150; left > 0; left--) {
      if ((await fetch(this.url('-/ready'))).ok) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** Writes with the API, and returns its answer. */
  async write<T>(method: string, path: string, content: object): Promise<T> {
    const answer = await fetch(this.url(`api/v1/${path}`), {
      method,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(content),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }

  /** Reads with the API. */
  async read<T>(path: string): Promise<T> {
    const answer = await fetch(this.url(`api/v1/${path}`));
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
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
    const { DATABASE_URL: _, ...given } = process.env;
    const env = this.postgres ? { ...given, DATABASE_URL: this.postgres.url } : given;
    const silences = this.alertmanager ? [`--alertmanager.url=${this.alertmanager.url}`] : [];
    this.exporter = spawn(join(programs, 'packager_exporter'), [...arguments_, ...prefix, ...silences], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env,
    });
    this.address = await said(this.exporter.stderr, /msg=listening address=(\S+)/);
  }

  /** Starts a second live origin on another address of this machine, at the port that it had before. */
  async startPackager(host: string): Promise<void> {
    const port = this.packagerUrl ? new URL(this.packagerUrl).port : await freePort();
    this.packager = spawn(join(programs, 'live_origin'), ['--listen', `${host}:${port}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.packagerUrl = await said(this.packager.stdout, /listening on (http:\S+)/);
  }

  async stopPackager(): Promise<void> {
    await ended(this.packager, 'SIGKILL');
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

  /** Probes a channel as soon as the exporter has read it from the database. */
  async probeWhenKnown(code: string): Promise<void> {
    await until(`${code} is known`, () =>
      this.probe(code).then(
        () => true,
        () => false,
      ),
    );
  }

  async stop(): Promise<void> {
    await Promise.all([ended(this.exporter), ended(this.origin), ended(this.packager), this.alertmanager?.stop()]);
    await this.postgres?.stop();
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
