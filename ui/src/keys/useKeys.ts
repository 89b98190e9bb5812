import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';

/** Id of the field that `/` goes to. */
export const SEARCH_ID = 'search';
/** Time in milliseconds within which the second key of `g c` must come. */
const SECOND_KEY = 1000;

const PLACES: Record<string, string> = { c: '/channels', a: '/alerts', m: '/metrics', o: '/mosaic', w: '/wall' };

export type Action = { kind: 'go'; to: string } | { kind: 'search' | 'help' | 'rows' | 'acknowledge' } | null;

/** What a key means after the key before it, which is empty when none came within a second. */
export function actionOf(key: string, before: string): Action {
  const to = before === 'g' ? PLACES[key] : undefined;
  if (to) return { kind: 'go', to };
  if (key === '/') return { kind: 'search' };
  if (key === '?') return { kind: 'help' };
  if (key === 'j' || key === 'k') return { kind: 'rows' };
  if (key === 'a') return { kind: 'acknowledge' };
  return null;
}

/** Keys of the whole page. In a field they are text. Answers whether the list of keys is open. */
export function useKeys(): [boolean, (open: boolean) => void] {
  const [, navigate] = useLocation();
  const [isHelpOpen, setHelpOpen] = useState(false);
  useEffect(() => {
    let before = { key: '', at: 0 };
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      const action = actionOf(event.key, event.timeStamp - before.at < SECOND_KEY ? before.key : '');
      before = { key: event.key, at: event.timeStamp };
      if (action?.kind === 'go') navigate(action.to);
      if (action?.kind === 'help') setHelpOpen(true);
      if (action?.kind === 'search') focus(`#${SEARCH_ID}`, event);
      if (action?.kind === 'rows' && !document.activeElement?.closest('[data-rows]')) focus('[data-rows]', event);
      if (action?.kind === 'acknowledge') document.querySelector<HTMLButtonElement>('[data-acknowledge]')?.click();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [navigate]);
  return [isHelpOpen, setHelpOpen];
}

/** Elements in which letters are text, or belong to a dialog. A box that is ticked takes no letters. */
const TYPING = 'input:not([type="checkbox"], [type="radio"]), select, textarea, [role="dialog"]';

function isTyping(event: KeyboardEvent): boolean {
  return event.target instanceof HTMLElement && event.target.closest(TYPING) !== null;
}

function focus(selector: string, event: KeyboardEvent): void {
  const element = document.querySelector<HTMLElement>(selector);
  if (element) {
    event.preventDefault();
    element.focus();
  }
}
