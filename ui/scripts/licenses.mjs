// Writes dist/licenses.txt: the licence of every package that is part of the page. Fails for a licence that the project
// doesn't allow.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);
// The Unlicense (wouter) gives the code into the public domain and asks for nothing.
const ALLOWED = ['Apache-2.0', 'BSD-3-Clause', 'ISC', 'MIT', '0BSD', 'Unlicense'];

/** True for an allowed licence, and for a choice with an allowed one, such as `(MIT OR CC0-1.0)`. */
function isAllowed(license) {
  return license
    .replace(/^\((.*)\)$/, '$1')
    .split(' OR ')
    .some((one) => ALLOWED.includes(one));
}

const lock = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8'));
// Packages of the lock file that aren't only for development; a package that this machine doesn't need isn't installed.
const shipped = Object.entries(lock.packages).filter(([path, entry]) => {
  return path !== '' && !entry.dev && !entry.devOptional && existsSync(new URL(`${path}/`, root));
});

const texts = shipped.map(([path, entry]) => {
  const folder = new URL(`${path}/`, root);
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const license = entry.license ?? JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')).license;
  if (!isAllowed(license)) throw new Error(`${name} has the licence ${license}, which is not allowed`);
  const file = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
  const text = file ? readFileSync(new URL(file, folder), 'utf8').trim() : `Licence: ${license}`;
  return `${name} ${entry.version} (${license})\n\n${text}\n`;
});

const head = 'The web page contains these packages. Each is under the licence that follows its name.\n\n';
writeFileSync(new URL('dist/licenses.txt', root), head + texts.join(`\n${'-'.repeat(80)}\n\n`));
