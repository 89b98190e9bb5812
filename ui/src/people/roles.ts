export type Role = 'read' | 'operate' | 'admin';

const ROLES: Role[] = ['read', 'operate', 'admin'];

/** Whether a role includes what is needed. The exporter decides while the role is not known. */
export function includes(role: Role | undefined, needed: Role): boolean {
  return role === undefined || ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
