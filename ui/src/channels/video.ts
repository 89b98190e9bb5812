import type { ChannelStatus } from '../api/types';

/** Names that people write, for the first part of a codec string (RFC 6381). */
const FAMILIES: Record<string, string> = {
  avc1: 'h264',
  avc3: 'h264',
  hvc1: 'h265',
  hev1: 'h265',
  dvh1: 'h265',
  dvhe: 'h265',
  av01: 'av1',
  vp09: 'vp9',
};
const ALIASES: Record<string, string> = { avc: 'h264', hevc: 'h265', ...FAMILIES };

/** One name for a codec, however it is written: `H.264`, `AVC` and `avc1.640028` are the same. */
export function codecFamily(text: string): string {
  const word = (text.split('.')[0] ?? '').toLowerCase();
  const plain = text.toLowerCase().replace(/[^a-z0-9]/g, '');
  return ALIASES[word] ?? ALIASES[plain] ?? plain;
}

/** Whether a value is declared and measured, and not the same. */
export function differs(value: ChannelStatus['codec']): boolean {
  if (!value.declared || !value.measured) return false;
  return codecFamily(value.declared) !== codecFamily(value.measured);
}
