import { expect, test } from 'vitest';
import { textOf } from './decode';

test('a file in UTF-8 or UTF-16 is read, with and without a byte order mark', () => {
  const text = 'mã\tTên';
  const units = [0xfeff, ...[...text].map((letter) => letter.charCodeAt(0))];
  const little = units.flatMap((unit) => [unit & 0xff, unit >> 8]);
  const big = units.flatMap((unit) => [unit >> 8, unit & 0xff]);
  const utf8 = [...new TextEncoder().encode(text)];
  const files = [utf8, [0xef, 0xbb, 0xbf, ...utf8], little, big];
  expect(files.map((bytes) => textOf(new Uint8Array(bytes)))).toEqual([text, text, text, text]);
});

test('a file in another encoding is refused: its letters would become other ones', () => {
  // `Kênh` in Windows-1258, and half a pair of surrogates in UTF-16.
  expect(textOf(new Uint8Array([0x4b, 0xea, 0x6e, 0x68]))).toBeNull();
  expect(textOf(new Uint8Array([0xff, 0xfe, 0x00, 0xd8]))).toBeNull();
});
