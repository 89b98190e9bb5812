/** Text as a search compares it: without accents and in small letters. `Kênh Đà Nẵng` is `kenh da nang`. */
export function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').replace(/[đĐ]/g, 'd').toLowerCase().trim();
}

let last: { q: string; words: string[] } = { q: '', words: [] };

/** The words of a search, as `plain` makes them. One search looks at thousands of rows: the last one is kept. */
function wordsOf(q: string): string[] {
  if (last.q !== q) last = { q, words: plain(q).split(/\s+/).filter(Boolean) };
  return last.words;
}

/** Whether every word of the search is in a text that `plain` made. */
export function isFound(q: string, plainText: string): boolean {
  return wordsOf(q).every((word) => plainText.includes(word));
}

/** Keeps the searched text of each row as long as the row itself: to take off the accents of thousands takes longer than a frame. */
export function searchedText<T extends object>(textOf: (row: T) => string): (row: T) => string {
  const texts = new WeakMap<T, string>();
  return (row) => {
    const known = texts.get(row);
    if (known !== undefined) return known;
    const text = plain(textOf(row));
    texts.set(row, text);
    return text;
  };
}
