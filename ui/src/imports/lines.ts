/** Longest part of a row that is shown. */
const LONGEST = 200;

/** The lines of a file, whatever ends them. */
export function linesOf(text: string): string[] {
  return text.split(/\r\n|\n|\r/);
}

/** The text of a line, from 1; empty when there is no such line. */
export function lineOf(lines: string[], line: number | undefined): string {
  const found = line === undefined ? undefined : lines[line - 1];
  return found === undefined || found.length <= LONGEST ? (found ?? '') : `${found.slice(0, LONGEST)} …`;
}
