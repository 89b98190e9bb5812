import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { en } from './en';
import { vi } from './vi';

const parameters = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort();

test('both languages have the same words, none empty, with the same parameters', () => {
  expect(Object.keys(vi).sort()).toEqual(Object.keys(en).sort());
  for (const [key, text] of Object.entries(en)) {
    const translated = vi[key as keyof typeof en];
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
  const known = new Set<string>(Object.keys(en));
  expect([...used].filter((key) => !known.has(key))).toEqual([]);
  // A part of a key in a template literal stands for every word that begins so.
  const prefixes = [...code.matchAll(/\bt\(\s*`([^`$]+)\$\{/g)].map((match) => match[1] ?? '');
  const listed = (key: string) => code.includes(`'${key}'`);
  const unused = Object.keys(en).filter((key) => !listed(key) && !prefixes.some((prefix) => key.startsWith(prefix)));
  expect(unused).toEqual([]);
});
