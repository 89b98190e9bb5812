import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError } from '../api/client';
import { useStatuses } from '../api/queries';
import { useLoginNeeded } from '../api/session';

/** Why the page shows nothing of the present, in words. */
export function useLostText(): string {
  const { t } = useTranslation();
  const isLoginNeeded = useLoginNeeded();
  const { error, isSuccess } = useStatuses();
  // While the states are read again, the last refusal is the reason.
  const refusal = useRef(error);
  if (error || isSuccess) refusal.current = error;
  if (isLoginNeeded) return t('fresh.login');
  const { current } = refusal;
  if (current instanceof ApiError && current.status > 0) return t('fresh.refused', { reason: current.message });
  return t('fresh.lost');
}
