import { useTranslation } from 'react-i18next';
import { fullTime } from '../time/duration';
import { isCut, type States } from './day';

/** Says from when on the states are complete, where a channel changed too often for the list. */
export function CutStates({ history }: { history: States }) {
  const { t } = useTranslation();
  if (!isCut(history)) return null;
  return <p>{t('day.cut', { time: fullTime(history.states_complete_since) })}</p>;
}
