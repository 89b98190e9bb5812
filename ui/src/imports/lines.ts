/** Longest part of a row that is shown. */
const LONGEST = 200;

/** The text of a line of a file, from 1; empty when there is no such line. */
export function lineOf(text: string, line: number | undefined): string {
  const found = line === undefined ? undefined : text.split(/\r\n|\n|\r/)[line - 1];
  return found === undefined || found.length <= LONGEST ? (found ?? '') : `${found.slice(0, LONGEST)} …`;
}
