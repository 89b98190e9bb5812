// PostgreSQL and Alertmanager as programs of their own, on free ports.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PATIENCE = 60_000;

/** A port that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

/** Waits until `done` answers true. */
export async function until(what: string, done: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    if (await done()) return;
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A PostgreSQL server with an empty database. */
export class Postgres {
  private readonly folder = mkdtempSync(join(tmpdir(), 'packager_exporter_pg_'));
  private child: ChildProcess | undefined;
  private port = 0;

  async start(): Promise<void> {
    const data = join(this.folder, 'data');
    const options = { cwd: this.folder, stdio: 'ignore' as const, ...this.user() };
    execFileSync(
      program('initdb'),
      ['--auth=trust', '--encoding=UTF8', '--no-sync', '-U', 'monitor_app', '-D', data],
      options,
    );
    this.port = await freePort();
    const flags = ['-D', data, '-p', String(this.port), '-k', this.folder, '-h', '127.0.0.1', '-F'];
    this.child = spawn(program('postgres'), flags, options);
    await until('PostgreSQL answers', () => {
      try {
        this.psql('postgres', 'CREATE DATABASE channels');
        return true;
      } catch {
        return false;
      }
    });
  }

  get url(): string {
    return `postgres://monitor_app@127.0.0.1:${this.port}/channels`;
  }

  private psql(database: string, sql: string): void {
    const login = ['-X', '-h', '127.0.0.1', '-p', String(this.port), '-U', 'monitor_app', '-d', database];
    execFileSync('psql', [...login, '-c', sql], { stdio: 'ignore' });
  }

  async stop(): Promise<void> {
    await ended(this.child, 'SIGINT');
    rmSync(this.folder, { recursive: true });
  }

  /** PostgreSQL refuses to run as root: its own user runs it then. */
  private user(): { uid?: number; gid?: number } {
    if (process.getuid?.() !== 0) return {};
    const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
    const [uid, gid] = [id('-u'), id('-g')];
    chownSync(this.folder, uid, gid);
    return { uid, gid };
  }
}

function program(name: string): string {
  const versions = '/usr/lib/postgresql';
  const found = existsSync(versions)
    ? readdirSync(versions).map((version) => join(versions, version, 'bin', name))
    : [];
  return found.find((path) => existsSync(path)) ?? name;
}

/** An Alertmanager that sends every notification to the exporter. */
export class Alertmanager {
  private readonly folder = mkdtempSync(join(tmpdir(), 'packager_exporter_am_'));
  private child: ChildProcess | undefined;
  url = '';

  async start(webhook: string): Promise<void> {
    const address = `127.0.0.1:${await freePort()}`;
    this.url = `http://${address}`;
    const receivers = [{ name: 'db', webhook_configs: [{ url: webhook, send_resolved: true }] }];
    const route = { receiver: 'db', group_by: ['...'], group_wait: '0s', group_interval: '1s' };
    // JSON is YAML.
    const inhibit_rules = [
      { source_matchers: ['alertname="PackagerDown"'], target_matchers: ['channel=~".+"'], equal: ['packager'] },
    ];
    writeFileSync(join(this.folder, 'am.yml'), JSON.stringify({ route, receivers, inhibit_rules }));
    const debian = existsSync('/usr/bin/prometheus-alertmanager');
    const flags = ['--config.file=am.yml', '--storage.path=data', '--cluster.listen-address='];
    this.child = spawn(
      debian ? 'prometheus-alertmanager' : 'alertmanager',
      [...flags, `--web.listen-address=${address}`],
      {
        cwd: this.folder,
        stdio: 'ignore',
      },
    );
    await until('Alertmanager answers', () =>
      fetch(`${this.url}/-/ready`).then(
        (answer) => answer.ok,
        () => false,
      ),
    );
  }

  /** Fires an alert with these labels, as Prometheus does. */
  fire(alertname: string, severity: string, of: Record<string, string>): Promise<void> {
    return this.post(alertname, severity, of, {});
  }

  /** Ends an alert, as Prometheus does. */
  end(alertname: string, severity: string, of: Record<string, string>): Promise<void> {
    return this.post(alertname, severity, of, { endsAt: new Date().toISOString() });
  }

  private async post(alertname: string, severity: string, of: Record<string, string>, times: object): Promise<void> {
    const labels = { alertname, severity, ...of };
    const annotations = { summary: `${of.channel ?? of.packager}: ${alertname}` };
    const answer = await fetch(`${this.url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify([{ labels, annotations, ...times }]),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }

  /** Matchers of the silences in force, such as `channel=CLEAN`. */
  async silences(): Promise<string[]> {
    const answer = await fetch(`${this.url}/api/v2/silences`);
    const silences = (await answer.json()) as {
      status: { state: string };
      matchers: { name: string; value: string }[];
    }[];
    return silences
      .filter((silence) => silence.status.state === 'active')
      .map((silence) => silence.matchers.map(({ name, value }) => `${name}=${value}`).join(','));
  }

  async stop(): Promise<void> {
    await ended(this.child, 'SIGTERM');
    rmSync(this.folder, { recursive: true });
  }
}

/** Ends a program and waits until it has ended. */
export async function ended(child: ChildProcess | undefined, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await exit;
}
