/** Where a person was in the table of channels: who comes back from a channel goes on there. */
export interface Place {
  /** Filters and order, as the query of the URL. */
  query: string;
  /** Code of the marked channel. */
  current: string | null;
  /** Pixels by which the rows were scrolled. */
  offset: number;
}

let left: Place = { query: '', current: null, offset: 0 };

/** Remembers the place when the table disappears. */
export function leave(place: Place): void {
  left = place;
}

/** The place that was left with these filters; `null` with others, which have other rows. */
export function placeOf(query: string): Place | null {
  return left.query === query ? left : null;
}

/** The way back to the table, with the filters that it had. */
export function wayBack(): string {
  return left.query ? `/channels?${left.query}` : '/channels';
}
