// Writes each script and style of dist/assets a second and a third time, compressed as much as gzip and Brotli can: the exporter
// sends these files as they are.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

// What fits into one packet is sent as it is.
const LEAST_BYTES = 1400;

const assets = new URL('../dist/assets/', import.meta.url);
for (const name of readdirSync(assets).filter((file) => /\.(js|css|svg)$/.test(file))) {
  const plain = readFileSync(new URL(name, assets));
  if (plain.length < LEAST_BYTES) continue;
  const params = {
    [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
  };
  writeFileSync(new URL(`${name}.gz`, assets), gzipSync(plain, { level: 9 }));
  writeFileSync(new URL(`${name}.br`, assets), brotliCompressSync(plain, { params }));
}
