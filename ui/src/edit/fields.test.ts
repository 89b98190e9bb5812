import { expect, test } from 'vitest';
import document from '../../openapi.json';
import { changedFields, conflictsOf, type Field, faultsByField, fieldsOf, readText, textOf } from './fields';

const fields = fieldsOf(document.components.schemas.ChannelWritten.properties as never);
const field = (name: string) => fields.find((one) => one.name === name) as Field;

test('the form has every field that can be written, in the order in which people fill them in', () => {
  const names = fields.map((one) => one.name);
  expect(names.slice(0, 4)).toEqual(['channel_code', 'channel_name', 'input_url', 'outputs']);
  for (const name of ['id', 'version', 'template_name', 'source']) expect(names).not.toContain(name);
  expect([
    field('fps').kind,
    field('tier').kind,
    field('is_4k').kind,
    field('is_hdr').kind,
    field('outputs').kind,
  ]).toEqual(['number', 'integer', 'flag', 'choice', 'json']);
  expect(field('fps').maximum).toBe(300);
});

test('a text becomes the value that it stands for, and back', () => {
  expect(readText(field('fps'), ' 29,97 ')).toEqual({ value: 29.97 });
  expect(readText(field('fps'), 'fast')).toEqual({ fault: 'number' });
  expect(readText(field('codec'), '')).toEqual({ value: null });
  expect(readText(field('outputs'), '{"dash": "http://a/b.mpd"}')).toEqual({ value: { dash: 'http://a/b.mpd' } });
  expect(readText(field('outputs'), '{"dash"')).toEqual({ fault: 'json' });
  expect(readText(field('outputs'), '[1]')).toEqual({ fault: 'json' });
  expect([textOf(field('outputs'), {}), textOf(field('enabled'), null), textOf(field('is_hdr'), false)]).toEqual([
    '',
    'true',
    'false',
  ]);
});

test('only what changed is written', () => {
  const before = { tier: 1, codec: null, outputs: {}, fps: 25 };
  expect(changedFields(before, { tier: 2, codec: null, outputs: null, fps: 25 })).toEqual({ tier: 2 });
});

test('two people conflict where both changed a field to different values', () => {
  const read = { tier: 1, codec: 'H.264', fps: 25, resolution: null };
  const mine = { tier: 2, codec: 'H.265', fps: 50, resolution: null };
  const theirs = { tier: 3, codec: 'H.265', fps: 25, resolution: '1280x720' };
  expect(conflictsOf(read, mine, theirs)).toEqual([{ name: 'tier', mine: 2, theirs: 3 }]);
});

test('a reason stands at the field that it names', () => {
  const found = faultsByField(
    [
      { detail: 'fps: is 0; allowed is 1 to 300 frames per second' },
      { detail: 'outputs.dash: expected a URL' },
      { detail: '`A B` is not a channel code' },
      { detail: 'something else' },
    ],
    fields.map((one) => one.name),
  );
  expect(found.get('fps')).toEqual(['is 0; allowed is 1 to 300 frames per second']);
  expect(found.get('outputs')).toEqual(['expected a URL']);
  expect(found.get('channel_code')).toEqual(['`A B` is not a channel code']);
  expect(found.get('')).toEqual(['something else']);
});
