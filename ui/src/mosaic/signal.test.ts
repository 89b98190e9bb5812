import { expect, test } from 'vitest';
import { failed } from '../testing';
import { signalFaults } from './signal';

test('faults of picture and sound have words, and other checks have none', () => {
  const checks = [
    failed('picture_frozen'),
    failed('codec_mismatch'),
    failed('sound_silent', 'minor'),
    failed('toString'),
  ];
  expect(signalFaults(checks).map((fault) => fault.word)).toEqual(['frozen', 'silent']);
});
