// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Route, Switch, useLocation } from 'wouter';
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
const isOn = () => screen.getByRole('button', { name: /Sound/ }).getAttribute('aria-pressed');
const statuses = (...codes: string[]) => ({
  source: 'memory',
  channels: ['A', 'B'].map((code) =>
    codes.includes(code) ? channel({ code, state: 'down', severity: 'critical' }) : channel({ code }),
  ),
});

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('AudioContext', Context);
  localStorage.clear();
  state = 'running';
  tones = [];
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('the sound stays on between screens and over a load, and says when the browser refuses it', async () => {
  new TestExporter({ 'GET channels/summary': summaryOf(), 'GET channels/status': statuses(), 'GET events': 503 });
  load();
  expect(isOn()).toBe('false');
  fireEvent.click(screen.getByRole('button', { name: 'Sound on' }));
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
    'GET channels/summary': summaryOf({ has_database: false, has_alertmanager: false }),
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
  const shown: string[] = [];
  const Notification = Object.assign(
    function (this: object, title: string, { body }: { body: string }) {
      shown.push(`${title}: ${body}`);
    },
    { permission: 'granted' },
  );
  vi.stubGlobal('Notification', Notification);
  localStorage.setItem('packager_exporter.notify', 'on');
  const exporter = new TestExporter({
    'GET channels/summary': summaryOf({ has_database: false, has_alertmanager: false }),
    'GET channels/status': statuses('A'),
    'GET events': 503,
  });
  load();
  await pass(40);
  exporter.set({ 'GET channels/status': statuses('A', 'B') });
  await pass(22);
  expect(shown).toEqual(['1 channels got worse (down): B', 'Still critical, and nobody works on it: A, B']);
});
