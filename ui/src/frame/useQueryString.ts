import { useLocation, useSearch } from 'wouter';

/** The query of the URL, and how to replace it without a new entry in the browser's history. */
export function useQueryString(): [string, (query: string) => void] {
  const query = useSearch();
  const [path, navigate] = useLocation();
  return [query, (next) => navigate(next ? `${path}?${next}` : path, { replace: true })];
}
