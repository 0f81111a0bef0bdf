import type { AuditEntry } from '@certfleet/operator-api/audit.ts';

export const auditActionTitles: Readonly<Record<AuditEntry['action'], string>> = {
  renew: 'Renew',
  rotate: 'Rotate CA',
  rollback: 'Roll back',
  approve: 'Approve',
  cancel: 'Cancel',
  suspend: 'Suspend',
  pause: 'Pause',
  resume: 'Resume',
  'sign-in': 'Sign in',
  'sign-out': 'Sign out',
  export: 'Export',
  access: 'Access',
};
