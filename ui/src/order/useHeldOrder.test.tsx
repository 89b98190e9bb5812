// @vitest-environment happy-dom
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import '../words';
import { channel } from '../testing';
import { CHANNEL_ORDERING } from './channelOrdering';
import { HeldNote } from './HeldNote';
import { type HeldOrder, useHeldOrder, useReleaseAtEnd } from './useHeldOrder';

type Rows = ReturnType<typeof channel>[];

function List({ order }: { order: HeldOrder<Rows[number]> }) {
  useReleaseAtEnd(order.release);
  return (
    <ul {...order.reader}>
      {order.rows.map((row) => (
        <li key={row.code}>{row.code}</li>
      ))}
    </ul>
  );
}

function Screen({ rows }: { rows: Rows }) {
  const order = useHeldOrder(rows, CHANNEL_ORDERING);
  return (
    <>
      <HeldNote worse={order.worse} onRelease={order.release} />
      {rows.length > 0 && <List order={order} />}
    </>
  );
}

const down = (code: string) => channel({ code, state: 'down', severity: 'critical' });
const well: Rows = [channel({ code: 'A' }), channel({ code: 'B' })];
const bad: Rows = [channel({ code: 'A' }), down('B')];
const codes = () => screen.queryAllByRole('listitem').map((item) => item.textContent);

/** A list in which somebody read before B got worse. */
function heldList() {
  const view = render(<Screen rows={well} />);
  fireEvent.mouseEnter(screen.getByRole('list'));
  view.rerender(<Screen rows={bad} />);
  expect(codes()).toEqual(['A', 'B']);
  return view;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

test('the button beside the number that got worse sorts again', () => {
  heldList();
  expect(screen.getByText(/1 got worse/)).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'Sort again' }));
  expect(codes()).toEqual(['B', 'A']);
});

test('a pointer that rests for a minute reads no more, and one that moves does', () => {
  heldList();
  act(() => void vi.advanceTimersByTime(50_000));
  fireEvent.mouseMove(screen.getByRole('list'));
  act(() => void vi.advanceTimersByTime(50_000));
  expect(codes()).toEqual(['A', 'B']);
  act(() => void vi.advanceTimersByTime(10_000));
  expect(codes()).toEqual(['B', 'A']);
});

test('an order does not outlast the rows below the pointer', () => {
  const view = heldList();
  view.rerender(<Screen rows={[]} />);
  view.rerender(<Screen rows={bad} />);
  expect(codes()).toEqual(['B', 'A']);
});
