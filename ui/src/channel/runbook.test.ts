import { expect, test } from 'vitest';
import { isWebLink, runbookOf, runbookOfSeverity } from './runbook';

const exporter = 'http://e/px';

test('an alert has the runbook that its rule names, else the shipped one', () => {
  const alert = (runbook_url: string) => ({ alertname: 'ChannelDown', annotations: { runbook_url } });
  expect(runbookOf(alert('https://wiki/ChannelDown'), exporter)).toBe('https://wiki/ChannelDown');
  expect(runbookOf({ alertname: 'A/B', annotations: {} }, exporter)).toBe('http://e/px/runbooks/A%2FB');
});

test('an annotation can not run a script', () => {
  for (const bad of ['javascript:alert(1)', 'data:text/html,x', '//x', 'x', '']) {
    expect(isWebLink(bad), bad).toBe(false);
  }
  const alert = { alertname: 'A', annotations: { runbook_url: 'javascript:alert(1)' } };
  expect(runbookOf(alert, exporter)).toBe('http://e/px/runbooks/A');
});

test('each severity has its runbook', () => {
  expect(runbookOfSeverity('major', exporter)).toBe('http://e/px/runbooks/ChannelDegraded');
  expect(runbookOfSeverity('none', exporter)).toBeNull();
});

test('a browser without URL.parse tells links too', () => {
  const parse = URL.parse;
  Object.assign(URL, { parse: undefined });
  try {
    expect(['https://wiki/a', 'javascript:alert(1)', 'no link'].map(isWebLink)).toEqual([true, false, false]);
  } finally {
    Object.assign(URL, { parse });
  }
});
