/** How rows are put in order. */
export interface Ordering<T> {
  keyOf: (row: T) => string | number;
  /** The rows in their order, the worst first. */
  sorted: (rows: T[]) => T[];
  /** A larger rank is worse. */
  rankOf: (row: T) => number;
  /** The rank of a row that is no news when it appears. */
  quietRank: number;
}

/** An order of rows that somebody reads: the place of each, and how bad each was when the order was made. */
export interface Held {
  places: Map<string | number, number>;
  ranks: Map<string | number, number>;
}

/** Holds the order in which the rows stand. */
export function hold<T>(rows: T[], { keyOf, rankOf }: Ordering<T>): Held {
  return {
    places: new Map(rows.map((row, index) => [keyOf(row), index])),
    ranks: new Map(rows.map((row) => [keyOf(row), rankOf(row)])),
  };
}

/** The rows, the worst first; in the held order while there is one, with new rows at the end. */
export function ordered<T>(rows: T[], ordering: Ordering<T>, held: Held | null): T[] {
  if (!held) return ordering.sorted(rows);
  const placed: { row: T; place: number }[] = [];
  const others: T[] = [];
  for (const row of rows) {
    const place = held.places.get(ordering.keyOf(row));
    if (place === undefined) others.push(row);
    else placed.push({ row, place });
  }
  placed.sort((a, b) => a.place - b.place);
  return [...placed.map(({ row }) => row), ...ordering.sorted(others)];
}

/** The number of rows that are worse than when the order was made. */
export function worsened<T>(rows: T[], { keyOf, rankOf, quietRank }: Ordering<T>, held: Held): number {
  return rows.filter((row) => rankOf(row) > (held.ranks.get(keyOf(row)) ?? quietRank)).length;
}
