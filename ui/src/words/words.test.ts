// @vitest-environment happy-dom
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import i18next from 'i18next';
import { expect, test } from 'vitest';
import '.';
import { en } from './en';
import { vi } from './vi';

const parameters = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort();

const PLURAL = /_one$/;
const keys = Object.keys(en).filter((key) => !PLURAL.test(key));

test('both languages have the same words, none empty, with the same parameters', () => {
  expect(Object.keys(vi).sort()).toEqual([...keys].sort());
  for (const key of keys) {
    const text = en[key as keyof typeof vi];
    const translated = vi[key as keyof typeof vi];
    expect(translated.trim(), key).not.toBe('');
    expect(parameters(translated), key).toEqual(parameters(text));
  }
});

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.tsx?$/.test(entry.name) && !entry.name.includes('.test.') ? [path] : [];
  });
}

test('every word of the page exists, and every word is used', () => {
  const files = sources(join(import.meta.dirname, '..')).filter((path) => !path.includes('/words/'));
  const code = files.map((path) => readFileSync(path, 'utf8')).join('\n');
  const used = new Set([...code.matchAll(/\bt\(\s*'([^']+)'/g)].map((match) => match[1] ?? ''));
  const known = new Set(keys);
  expect([...used].filter((key) => !known.has(key))).toEqual([]);
  // A part of a key in a template literal stands for every word that begins so.
  const prefixes = [...code.matchAll(/\bt\(\s*`([^`$]+)\$\{/g)].map((match) => match[1] ?? '');
  const listed = (key: string) => code.includes(`'${key}'`);
  const unused = keys.filter((key) => !listed(key) && !prefixes.some((prefix) => key.startsWith(prefix)));
  expect(unused).toEqual([]);
});

test('a number of one has its own words in English, and other numbers and Vietnamese have the usual ones', () => {
  const texts = (lng: string, count: number) => i18next.t('notify.title', { lng, count, level: 'down' });
  expect(texts('en', 1)).toBe('1 channel got worse (down)');
  expect(texts('en', 2)).toBe('2 channels got worse (down)');
  expect(texts('vi', 1)).toBe('1 kênh xấu đi (down)');
  const ones = Object.keys(en).filter((key) => PLURAL.test(key));
  expect(ones.filter((key) => !keys.includes(key.replace(PLURAL, '')))).toEqual([]);
  const singular = ones.map((key) => i18next.t(key.replace(PLURAL, ''), { lng: 'en', count: 1 }));
  expect(singular.filter((text) => /\b1 (?!was)\w+s\b|\bwere\b/.test(text))).toEqual([]);
});
