import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import type { AroundNavHandler } from 'wouter';

/** What would be lost: the question before it is, and the address of the form. `null`: nothing. */
let unsaved: { question: string; address: string } | null = null;

function mayLeave(): boolean {
  return unsaved === null || confirm(unsaved.question);
}

/** Every link and every key that goes to another screen asks here first. */
export const askBeforeLeaving: AroundNavHandler = (navigate, to, options) => {
  if (mayLeave()) navigate(to, options);
};

// This listener is older than that of the router, which must not learn that the browser went back when the person stays.
addEventListener('popstate', (event) => {
  if (unsaved === null || mayLeave()) return;
  event.stopImmediatePropagation();
  history.pushState(null, '', unsaved.address);
});

function onUnload(event: Event): void {
  if (unsaved) event.preventDefault();
}

/** What was written is saved now: the form can be left without a question. */
export function forgetUnsaved(): void {
  unsaved = null;
}

/** Asks before what a person wrote is lost: by another screen, the browser's button Back, a reload or a closed tab. */
export function useUnsaved(isUnsaved: boolean): void {
  const { t } = useTranslation();
  const question = t('leave.ask');
  useEffect(() => {
    if (!isUnsaved) return;
    unsaved = { question, address: location.href };
    addEventListener('beforeunload', onUnload);
    return () => {
      forgetUnsaved();
      removeEventListener('beforeunload', onUnload);
    };
  }, [isUnsaved, question]);
}
