// Checks dashboards against Grafana's types: node check.mjs FILE...
// Prints a line a fault and ends with 1 where there is one.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';

const here = dirname(fileURLToPath(import.meta.url));
const schema = createGenerator({ path: join(here, 'types.ts'), type: 'Dashboard', expose: 'none', skipTypeCheck: true, additionalProperties: false })
  .createSchema('Dashboard');

// One schema for each kind of panel: of a union a validator would tell the faults of all its members.
const kinds = new Map();
const panels = resolve(resolve(schema.definitions.Dashboard).properties.panels.items).anyOf.map(resolve);
for (const panel of panels) kinds.set(panel.properties.type.const, panel);

function resolve(node) {
  const name = node.$ref && decodeURIComponent(node.$ref.replace('#/definitions/', ''));
  return name ? resolve(schema.definitions[name]) : node;
}

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, strict: false });
const compile = (root) => ajv.compile({ ...root, definitions: { ...schema.definitions } });
const whole = resolve(schema.definitions.Dashboard);
const dashboard = compile({ ...whole, properties: { ...whole.properties, panels: { type: 'array' } } });
const compiled = new Map([...kinds].map(([kind, panel]) => [kind, compile(panel)]));

let faults = 0;
function tell(file, place, errors) {
  for (const error of errors ?? []) {
    faults += 1;
    const more = error.params?.additionalProperty ?? error.params?.allowedValues ?? error.params?.allowedValue ?? '';
    console.log(`${file}: ${place}${error.instancePath} ${error.message} ${more}`.trimEnd());
  }
}

for (const file of process.argv.slice(2)) {
  const read = JSON.parse(readFileSync(file, 'utf8'));
  if (!dashboard(read)) tell(file, '', dashboard.errors);
  for (const panel of read.panels ?? []) {
    const check = compiled.get(panel.type);
    if (!check) tell(file, panel.title, [{ instancePath: '', message: `has the unknown type ${panel.type}` }]);
    else if (!check(panel)) tell(file, panel.title, check.errors);
  }
}
process.exit(faults ? 1 : 0);
