// @vitest-environment happy-dom
import { cleanup, fireEvent, screen } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { renderPage } from '../testingPage';
import { useKeys } from './useKeys';

afterEach(cleanup);

function Page() {
  useKeys();
  return (
    <>
      <input aria-label="text" />
      <input type="checkbox" aria-label="box" />
      <input type="radio" aria-label="choice" />
      <div role="dialog">
        <input type="checkbox" aria-label="box of a dialog" />
      </div>
    </>
  );
}

test.each([
  ['text', ['/']],
  ['box', ['/', '/alerts']],
  ['choice', ['/', '/alerts']],
  ['box of a dialog', ['/']],
])('keys pressed in a %s', (label, visited) => {
  const { history } = renderPage(<Page />);
  for (const key of ['g', 'a']) fireEvent.keyDown(screen.getByLabelText(label), { key });
  expect(history).toEqual(visited);
});
