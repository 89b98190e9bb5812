// Fails when a browser has to load more than 200 kB (gzip) before it shows the page, or more than 320 kB for all screens.
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const MOST_FIRST_BYTES = 200_000;
const MOST_BYTES = 320_000;

const dist = new URL('../dist/', import.meta.url);
const html = readFileSync(new URL('index.html', dist), 'utf8');
const sizes = readdirSync(new URL('assets/', dist)).map((name) => {
  const bytes = gzipSync(readFileSync(new URL(`assets/${name}`, dist))).length;
  // The worker of the stream is loaded at once; other files that index.html doesn't name belong to single screens.
  return { bytes, isFirst: html.includes(name) || name.startsWith('worker-') };
});
const sum = (files) => files.reduce((bytes, file) => bytes + file.bytes, 0);
const [first, all] = [sum(sizes.filter((file) => file.isFirst)), sum(sizes)];
console.log(
  `The page loads ${Math.round(first / 1000)} kB (gzip) at first, ${Math.round(all / 1000)} kB with all screens.`,
);
if (first > MOST_FIRST_BYTES) throw new Error(`the first load is more than ${MOST_FIRST_BYTES / 1000} kB`);
if (all > MOST_BYTES) throw new Error(`all screens are more than ${MOST_BYTES / 1000} kB`);
