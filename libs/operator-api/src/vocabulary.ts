// Enumerations of the operators' API alone, without schemas, so that the page can import them without a validator. The terms
// of the fleet are in libs/fleet-model.

/** Sort keys of the table of volumes. */
export const volumeSorts = ['expires', 'renews', 'namespace', 'pod', 'node', 'issuer', 'state', 'attempts'] as const;

/** Sort keys of the table of lanes. */
export const laneSorts = ['issuer', 'state', 'volumes', 'waiting', 'in-flight', 'failures'] as const;

/** Conditions under which the renewal of a volume is not certain although it has not failed. */
export const riskReasons = ['node-silent', 'lane-paused', 'lane-backing-off'] as const;

/** Actions in the audit log. */
export const auditActions = [
  'renew',
  'rotate',
  'rollback',
  'approve',
  'cancel',
  'suspend',
  'pause',
  'resume',
  'sign-in',
  'sign-out',
  'export',
  'access',
] as const;

/** Outcomes of audited actions. `started` is recorded before the action and remains if the outcome is unknown. */
export const auditOutcomes = ['started', 'done', 'failed', 'refused'] as const;

/** Kinds of changes that an event reports to open pages. */
export const changeKinds = ['volumes', 'nodes', 'lanes', 'renewals', 'rotations', 'audit'] as const;

/** Phases of a CA rotation; the last three are its ends. */
export const rotationPhases = [
  'Pending',
  'Trust',
  'Reissue',
  'Verify',
  'Retire',
  'Completed',
  'RolledBack',
  'Failed',
] as const;

export const rotationDirections = ['Forward', 'Backward'] as const;

/** Phases of a rotation that can wait for an approval. */
export const rotationGates = ['Reissue', 'Retire'] as const;
