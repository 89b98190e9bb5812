// Fails when a browser has to load more than 200 kB before it shows the page, or more than 320 kB for all screens, both as the
// exporter sends them to a browser that accepts gzip alone.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';

const MOST_FIRST_BYTES = 200_000;
const MOST_BYTES = 320_000;

const dist = new URL('../dist/', import.meta.url);
const html = readFileSync(new URL('index.html', dist), 'utf8');
const files = readdirSync(new URL('assets/', dist)).filter((name) => !/\.(gz|br)$/.test(name));
const sizes = files.map((name) => {
  const plain = new URL(`assets/${name}`, dist);
  const bytes = (end) => statSync(existsSync(`${plain.pathname}${end}`) ? `${plain.pathname}${end}` : plain).size;
  // The worker of the stream is loaded at once; other files that index.html doesn't name belong to single screens.
  return { gzip: bytes('.gz'), brotli: bytes('.br'), isFirst: html.includes(name) || name.startsWith('worker-') };
});
const sum = (list, coding) => list.reduce((bytes, file) => bytes + file[coding], 0);
const firsts = sizes.filter((file) => file.isFirst);
const [first, all] = [sum(firsts, 'gzip'), sum(sizes, 'gzip')];
const kilobytes = (bytes) => Math.round(bytes / 1000);
console.log(
  `The page loads ${kilobytes(first)} kB (gzip; Brotli ${kilobytes(sum(firsts, 'brotli'))} kB) at first, ${kilobytes(all)} kB with all screens.`,
);
if (first > MOST_FIRST_BYTES) throw new Error(`the first load is more than ${MOST_FIRST_BYTES / 1000} kB`);
if (all > MOST_BYTES) throw new Error(`all screens are more than ${MOST_BYTES / 1000} kB`);
