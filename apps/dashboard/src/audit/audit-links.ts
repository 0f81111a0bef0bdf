import type { AuditEntry } from '@certfleet/operator-api/audit.ts';
import { t } from '../messages/messages.ts';
import { renewalHref, volumeHref } from '../routing/route.ts';

/** Where the object of an audit entry is shown. */
export interface AuditLink {
  readonly href: string;
  readonly text: string;
}

/** The objects that an entry names. */
export function auditLinks(entry: AuditEntry): readonly AuditLink[] {
  return [laneLink(entry), renewalLink(entry), volumeLink(entry)].filter((link) => link !== undefined);
}

function laneLink({ target }: AuditEntry): AuditLink | undefined {
  const key = /^lane (.+)$/.exec(target)?.[1];
  return key === undefined ? undefined : { href: `/lanes?search=${encodeURIComponent(key)}`, text: t.audit.links.lane };
}

function renewalLink({ target, detail = '' }: AuditEntry): AuditLink | undefined {
  const id = /^renewal (\S+)$/.exec(target)?.[1] ?? /; renewal (\S+)$/.exec(detail)?.[1];
  return id === undefined ? undefined : { href: renewalHref(id), text: t.audit.links.renewal };
}

/** Of a renewal of one volume. */
function volumeLink({ action, target }: AuditEntry): AuditLink | undefined {
  const [, node, volumeId] = /(?:^| )volumes=([^/\s,]+)\/([^/\s,]+)$/.exec(target) ?? [];
  if (action !== 'renew' || node === undefined || volumeId === undefined) return undefined;
  return { href: volumeHref(node, volumeId), text: t.audit.links.volume };
}
