// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Route, Switch, useLocation } from 'wouter';
import { acceptSession, leaveSession } from '../api/session';
import { LiveProvider } from '../live/LiveProvider';
import { channel } from '../testing';
import { renderPage, summaryOf, TestExporter } from '../testingPage';
import { AnnouncementProvider } from './AnnouncementProvider';
import { SoundBlocked } from './SoundBlocked';
import { SoundButton } from './SoundButton';

let state: AudioContextState = 'running';
let tones: number[] = [];

class Context extends EventTarget {
  currentTime = 0;
  get state() {
    return state;
  }
  resume = async () => undefined;
  createGain = () => ({
    gain: { setValueAtTime: vi.fn(), exponentialRampToValueAtTime: vi.fn() },
    connect: () => ({}),
  });
  createOscillator = () => {
    const tone = { frequency: { value: 0 }, connect: (to: object) => ({ ...to, connect: vi.fn() }), stop: vi.fn() };
    return { ...tone, start: () => tones.push(tone.frequency.value) };
  };
}

function Screen({ to }: { to: string }) {
  const [, navigate] = useLocation();
  return (
    <>
      <SoundBlocked />
      <SoundButton />
      <button type="button" onClick={() => navigate(to)}>
        go
      </button>
    </>
  );
}

function load() {
  cleanup();
  renderPage(
    <LiveProvider>
      <AnnouncementProvider>
        <Switch>
          <Route path="/wall">
            <Screen to="/channels" />
          </Route>
          <Route>
            <Screen to="/wall" />
          </Route>
        </Switch>
      </AnnouncementProvider>
    </LiveProvider>,
  );
}

const pass = (seconds: number) => act(() => vi.advanceTimersByTimeAsync(seconds * 1000));
const isOn = () => screen.getByRole('button', { name: 'Sound' }).getAttribute('aria-pressed');
const statuses = (...codes: string[]) => ({
  source: 'memory',
  channels: ['A', 'B'].map((code) =>
    codes.includes(code) ? channel({ code, state: 'down', severity: 'critical' }) : channel({ code }),
  ),
});

/** Keeps what the desktop is notified of. */
function notifications(): string[] {
  const shown: string[] = [];
  const Notification = Object.assign(
    function (this: object, title: string, { body }: { body: string }) {
      shown.push(`${title}: ${body}`);
    },
    { permission: 'granted' },
  );
  vi.stubGlobal('Notification', Notification);
  localStorage.setItem('packager_exporter.notify', 'on');
  return shown;
}

const alone = summaryOf({ has_database: false, has_alertmanager: false });
const BLIND = [294, 294, 294, 294];

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('AudioContext', Context);
  localStorage.clear();
  state = 'running';
  tones = [];
});
afterEach(() => {
  cleanup();
  acceptSession();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('the sound stays on between screens and over a load, and says when the browser refuses it', async () => {
  new TestExporter({ 'GET channels/summary': summaryOf(), 'GET channels/status': statuses(), 'GET events': 503 });
  load();
  expect(isOn()).toBe('false');
  // The name of the button stays: whether it is pressed says whether the sound is on.
  fireEvent.click(screen.getByRole('button', { name: 'Sound' }));
  expect(isOn()).toBe('true');
  fireEvent.click(screen.getByRole('button', { name: 'go' }));
  await pass(1);
  expect(isOn()).toBe('true');
  expect(screen.queryByText('SOUND IS OFF.')).toBeNull();

  state = 'suspended';
  load();
  await pass(1);
  expect(isOn()).toBe('true');
  expect(screen.getByRole('alert').textContent).toContain('SOUND IS OFF.');
  state = 'running';
  fireEvent.pointerDown(document.body);
  await pass(1);
  expect(screen.queryByRole('alert')).toBeNull();
});

test('a fault that a read brings sounds, and critical again each minute', async () => {
  const exporter = new TestExporter({
    'GET channels/summary': alone,
    'GET channels/status': statuses(),
    'GET events': 503,
  });
  localStorage.setItem('packager_exporter.sound', 'on');
  load();
  await pass(6);
  expect(tones).toEqual([]);
  exporter.set({ 'GET channels/status': statuses('A') });
  await pass(6);
  expect(tones).toHaveLength(3);
  await pass(60);
  expect(tones).toHaveLength(6);
});

test('the notification of what is still critical comes each minute, however many channels follow', async () => {
  const shown = notifications();
  const exporter = new TestExporter({
    'GET channels/summary': alone,
    'GET channels/status': statuses('A'),
    'GET events': 503,
  });
  load();
  await pass(40);
  exporter.set({ 'GET channels/status': statuses('A', 'B') });
  await pass(22);
  expect(shown).toEqual(['1 channel got worse (down): B', 'Still critical, and nobody works on it: A, B']);
});

test.each([
  [
    'does not answer',
    () => Promise.reject(new TypeError('network')),
    /^Live channels: NO DATA\. The exporter does not/,
  ],
  ['refuses', 503, /^Live channels: NO DATA\. The exporter says: refused with 503/],
  ['wants a login', 401, /^Live channels: Log in to see/],
])('a page whose exporter %s is heard once, and again each minute', async (_, answer, text) => {
  const shown = notifications();
  localStorage.setItem('packager_exporter.sound', 'on');
  const known = { 'GET channels/summary': alone, 'GET channels/status': statuses(), 'GET events': 503 };
  const exporter = new TestExporter(known);
  load();
  await pass(10);
  exporter.set(Object.fromEntries(Object.keys(known).map((path) => [path, answer])));
  await pass(28);
  expect(tones).toEqual(BLIND);
  expect(shown).toEqual([expect.stringMatching(text)]);
  await pass(60);
  expect(tones).toEqual([...BLIND, ...BLIND]);
  expect(shown).toHaveLength(2);
  exporter.set(known);
  await pass(200);
  expect(tones).toHaveLength(8);
  expect(shown).toHaveLength(2);
});

test('who logged out is not called back', async () => {
  localStorage.setItem('packager_exporter.sound', 'on');
  const known = { 'GET channels/summary': alone, 'GET channels/status': statuses(), 'GET events': 503 };
  const exporter = new TestExporter(known);
  load();
  await pass(10);
  exporter.set(Object.fromEntries(Object.keys(known).map((path) => [path, 401])));
  act(leaveSession);
  await pass(100);
  expect(tones).toEqual([]);
});

test('a page for which nobody probes is heard, but not at once after a start of the exporter', async () => {
  const shown = notifications();
  localStorage.setItem('packager_exporter.sound', 'on');
  const unprobed = { ...alone, states: { ...alone.states, up: 0, unknown: 2 } };
  const heard_at = new Date(Date.now() - 100_000).toISOString();
  const exporter = new TestExporter({
    'GET channels/summary': { ...unprobed, heard_at },
    'GET channels/status': statuses(),
    'GET events': 503,
  });
  load();
  await pass(8);
  expect(tones).toEqual(BLIND);
  expect(shown).toEqual(['Live channels: No channel is probed: is Prometheus scraping /probe?']);
  exporter.set({ 'GET channels/summary': { ...unprobed, heard_at: null } });
  await pass(40);
  expect(tones).toEqual(BLIND);
  await pass(30);
  expect(tones).toEqual([...BLIND, ...BLIND]);
});

test('a hidden page whose timers run once a minute is not blind while it hears the exporter', async () => {
  localStorage.setItem('packager_exporter.sound', 'on');
  const exporter = new TestExporter({
    'GET channels/summary': alone,
    'GET channels/status': statuses(),
    'GET events': 503,
  });
  const { setTimeout: once, setInterval: repeat } = globalThis;
  const minute = (delay = 0) => (delay < 1000 ? delay : 60_000);
  vi.stubGlobal('setTimeout', (run: () => void, delay?: number) => once(run, minute(delay)));
  vi.stubGlobal('setInterval', (run: () => void, delay?: number) => repeat(run, minute(delay)));
  load();
  await pass(600);
  expect(tones).toEqual([]);
  exporter.set({ 'GET channels/status': 503 });
  await pass(240);
  expect(tones.slice(0, 4)).toEqual(BLIND);
});

test('a channel that was critical is reminded of while nobody probes it', async () => {
  localStorage.setItem('packager_exporter.sound', 'on');
  const exporter = new TestExporter({
    'GET channels/summary': alone,
    'GET channels/status': statuses('A'),
    'GET events': 503,
  });
  load();
  await pass(10);
  const unknown = [channel({ code: 'A', state: 'unknown' }), channel({ code: 'B' })];
  exporter.set({ 'GET channels/status': { source: 'memory', channels: unknown } });
  await pass(10);
  tones = [];
  await pass(60);
  expect(tones).toEqual([880, 880, 880]);
});
