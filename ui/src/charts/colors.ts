/** Colours of lines, after Okabe and Ito, that have enough contrast on both grounds; dashes tell those apart that share one. */
const LIGHT = ['#0072b2', '#b34700', '#00795a', '#a3497f', '#7a5c00', '#3d3d3d'];
const DARK = ['#56b4e9', '#ff9d5c', '#2bd4a4', '#e6a3cb', '#f0e442', '#e0e0e0'];
const DASHES = [[], [6, 4], [2, 3]];

/** Colour and dashes of the line with this index. */
export function strokeOf(index: number, isDark: boolean): { color: string; dash: number[] } {
  const colors = isDark ? DARK : LIGHT;
  return {
    color: colors[index % colors.length] ?? '#888888',
    dash: DASHES[Math.floor(index / colors.length) % DASHES.length] ?? [],
  };
}
