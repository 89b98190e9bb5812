import { useTranslation } from 'react-i18next';
import { useCaller } from '../api/queries';
import { includes, type Role } from './roles';

export interface Permission {
  isAllowed: boolean;
  /** Why not; `undefined` for who may. */
  why: string | undefined;
}

/** Whether this person may do what needs a role. */
export function usePermission(needed: Role): Permission {
  const { t } = useTranslation();
  const role = useCaller().data?.role;
  const isAllowed = includes(role, needed);
  return { isAllowed, why: isAllowed ? undefined : t('role.needed', { role, needed }) };
}
