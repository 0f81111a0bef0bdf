import type { AuditEntry } from '@certfleet/operator-api/audit.ts';
import { t } from '../messages/messages.ts';
import { nodeHref, renewalHref, volumeHref } from '../routing/route.ts';

/** Where the object of an audit entry is shown. */
export interface AuditLink {
  readonly href: string;
  readonly text: string;
}

/** The objects that an entry names. */
export function auditLinks(entry: AuditEntry): readonly AuditLink[] {
  const links = [laneLink(entry), renewalLink(entry), rotationLink(entry), nodeLink(entry)];
  return [...links.filter((link) => link !== undefined), ...volumeLinks(entry)];
}

function laneLink({ target }: AuditEntry): AuditLink | undefined {
  const key = /^lane (.+)$/.exec(target)?.[1];
  return key === undefined ? undefined : { href: `/lanes?search=${encodeURIComponent(key)}`, text: t.audit.links.lane };
}

function renewalLink({ target, detail = '' }: AuditEntry): AuditLink | undefined {
  const id = /^renewal (\S+)$/.exec(target)?.[1] ?? /; renewal (\S+)$/.exec(detail)?.[1];
  return id === undefined ? undefined : { href: renewalHref(id), text: t.audit.links.renewal };
}

function rotationLink({ target }: AuditEntry): AuditLink | undefined {
  return target.startsWith('rotation ') ? { href: '/rotations', text: t.audit.links.rotation } : undefined;
}

/** Of a renewal of one node. */
function nodeLink({ target }: AuditEntry): AuditLink | undefined {
  const node = /(?:^| )node=([^\s,*]+)(?: |$)/.exec(target)?.[1];
  return node === undefined ? undefined : { href: nodeHref(node), text: t.audit.links.node };
}

/** Of a renewal of chosen volumes. The last name of a target that the log has cut may be a part. */
function volumeLinks({ action, target }: AuditEntry): readonly AuditLink[] {
  const names = /(?:^| )volumes=(\S+)/.exec(target)?.[1]?.split(',') ?? [];
  if (action !== 'renew') return [];
  const whole = names.filter((name) => /^[^/]+\/[^/…]+$/.test(name));
  return whole.map((name) => {
    const [node = '', volumeId = ''] = name.split('/');
    const text = whole.length === 1 ? t.audit.links.volume : t.audit.links.volumeOf(name);
    return { href: volumeHref(node, volumeId), text };
  });
}
