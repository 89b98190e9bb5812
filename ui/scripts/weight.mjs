// Fails when a browser has to load more than 200 kB (gzip) before it shows the page.
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const MOST_BYTES = 200_000;

const assets = new URL('../dist/assets/', import.meta.url);
const sizes = readdirSync(assets).map((name) => gzipSync(readFileSync(new URL(name, assets))).length);
const bytes = sizes.reduce((sum, size) => sum + size, 0);
console.log(`The page has ${Math.round(bytes / 1000)} kB (gzip).`);
if (bytes > MOST_BYTES) throw new Error(`that is more than ${MOST_BYTES / 1000} kB`);
