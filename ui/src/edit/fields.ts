import type { Fault, Fields } from '../api/channels';

/** How a field is edited. `choice` is one of three: yes, no, not set. `json` is a text of JSON. */
export type FieldKind = 'text' | 'integer' | 'number' | 'flag' | 'choice' | 'json';

/** A field of the form, made from the schema of the exporter's API. */
export interface Field {
  name: string;
  kind: FieldKind;
  help: string;
  pattern?: string;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
}

interface PropertySchema {
  type?: string | string[];
  description?: string;
  pattern?: string;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
}

/** Fields in the order in which people fill them in. A field that a later version adds comes after them. */
const ORDER = [
  'channel_code',
  'channel_name',
  'input_url',
  'outputs',
  'template_id',
  'tier',
  'channel_type',
  'codec',
  'resolution',
  'fps',
  'is_4k',
  'is_hdr',
  'enabled',
  'probe_id',
  'ladder',
  'request',
];
/** Flags that are never empty: the database has a default for them. */
const FLAGS = ['is_4k', 'enabled'];

function kindOf(name: string, types: string[]): FieldKind {
  if (types.includes('boolean')) return FLAGS.includes(name) ? 'flag' : 'choice';
  if (types.includes('integer')) return 'integer';
  if (types.includes('number')) return 'number';
  return types.includes('object') ? 'json' : 'text';
}

/** The fields of a channel that can be written. What has no type is read-only. */
export function fieldsOf(properties: Record<string, PropertySchema>): Field[] {
  const place = (name: string) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return Object.entries(properties)
    .filter(([, schema]) => schema.type !== undefined)
    .map(([name, schema]) => {
      const { description = '', pattern, maxLength, minimum, maximum } = schema;
      const bounds = { pattern, maxLength, minimum, maximum };
      const given = Object.fromEntries(Object.entries(bounds).filter(([, bound]) => bound !== undefined));
      return { name, kind: kindOf(name, [schema.type ?? []].flat()), help: description, ...given };
    })
    .sort((a, b) => place(a.name) - place(b.name) || a.name.localeCompare(b.name));
}

/** What a field's control shows for a value. */
export function textOf(field: Field, value: unknown): string {
  if (value === null || value === undefined) return field.kind === 'flag' ? String(field.name === 'enabled') : '';
  if (field.kind === 'json') {
    const isEmpty = typeof value === 'object' && Object.keys(value).length === 0;
    return isEmpty ? '' : JSON.stringify(value, null, 2);
  }
  return String(value);
}

export type Read = { value: unknown } | { fault: 'number' | 'json' };

/** The value that a control's text stands for. An empty text is no value. */
export function readText(field: Field, text: string): Read {
  const trimmed = text.trim();
  if (trimmed === '') return { value: null };
  switch (field.kind) {
    case 'text':
      return { value: trimmed };
    case 'flag':
    case 'choice':
      return { value: trimmed === 'true' };
    case 'integer':
    case 'number': {
      // A decimal comma is what many keyboards have.
      const value = Number(trimmed.replace(',', '.'));
      return Number.isFinite(value) ? { value } : { fault: 'number' };
    }
    case 'json':
      try {
        const value: unknown = JSON.parse(trimmed);
        return typeof value === 'object' && !Array.isArray(value) ? { value } : { fault: 'json' };
      } catch {
        return { fault: 'json' };
      }
  }
}

function same(a: unknown, b: unknown): boolean {
  const plain = (value: unknown) => {
    if (value === undefined || value === null) return 'null';
    return typeof value === 'object' && Object.keys(value).length === 0 ? 'null' : JSON.stringify(value);
  };
  return plain(a) === plain(b);
}

/** The fields whose values differ, with their new values. */
export function changedFields(before: Fields, after: Fields): Fields {
  return Object.fromEntries(Object.entries(after).filter(([name, value]) => !same(before[name], value)));
}

/** A field that two people gave different values. */
export interface Conflict {
  name: string;
  mine: unknown;
  theirs: unknown;
}

/** Fields that this person changed and that have another value in the newest version: neither what was read nor what is wanted. */
export function conflictsOf(read: Fields, mine: Fields, theirs: Fields): Conflict[] {
  return Object.entries(changedFields(read, mine))
    .filter(([name, value]) => !same(read[name], theirs[name]) && !same(value, theirs[name]))
    .map(([name, value]) => ({ name, mine: value, theirs: theirs[name] }));
}

/** Reasons of a refusal by the field that they name, such as `fps: is 0`; what names none is under an empty name. */
export function faultsByField(faults: Fault[], names: string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { detail } of faults) {
    const [, head, rest] = /^`?([a-z0-9_]+)`?(?:[.[][^:]*)?: (.*)$/s.exec(detail) ?? [];
    const name = head && names.includes(head) ? head : detail.includes('is not a channel code') ? 'channel_code' : '';
    found.set(name, [...(found.get(name) ?? []), name === head && rest ? rest : detail]);
  }
  return found;
}
