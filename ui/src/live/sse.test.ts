import { expect, test } from 'vitest';
import { StreamParser } from './sse';

test('an event is complete with its empty line, however the text is cut', () => {
  const text = 'event: tick\ndata: {"total":1}\n\nevent: state\ndata: {"code":"Ế"}\n\n';
  const whole = [
    { name: 'tick', data: '{"total":1}' },
    { name: 'state', data: '{"code":"Ế"}' },
  ];
  for (let cut = 0; cut <= text.length; cut += 1) {
    const parser = new StreamParser();
    expect([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))]).toEqual(whole);
  }
});

test('a comment is an event without a name, and lines of data are joined', () => {
  const parser = new StreamParser();
  expect(parser.push('retry: 3000\n: listening\n\n:\n\n')).toEqual([
    { name: '', data: '' },
    { name: '', data: '' },
  ]);
  expect(parser.push('data: a\ndata:b\r\n\r\n')).toEqual([{ name: '', data: 'a\nb' }]);
});

test('an endless event is dropped', () => {
  const parser = new StreamParser();
  expect(parser.push('x'.repeat((1 << 20) + 1))).toEqual([]);
  expect(parser.push('event: tick\ndata: 1\n\n')).toEqual([{ name: 'tick', data: '1' }]);
});
