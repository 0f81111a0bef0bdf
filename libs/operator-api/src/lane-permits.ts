import { Type } from 'typebox';
import type { Static } from 'typebox';
import { IssuerSchema } from './lanes.ts';

/** The path of the permits below /api/v1. */
export const permitPath = 'lanes/permits';

/** The most that one request of a signer may ask for and report. */
export const permitLimits = {
  permits: 500,
  held: 2_000,
  results: 1_000,
  error: 512,
  retryAfterMs: 86_400_000,
} as const;

const closed = { additionalProperties: false } as const;

/** A signer's request for permits to sign pod certificates in the lane of an issuer. */
export const PermitRequestSchema = Type.Object(
  {
    issuer: IssuerSchema,
    /** Name of the signer's process. */
    signer: Type.String({ pattern: '^[A-Za-z0-9._-]{1,128}$' }),
    /** Increases with each request. */
    sequence: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    /** Whether it has signed without the lane since its last request. */
    isReturning: Type.Boolean(),
    /** Requests of pods that start, and refreshes, that have no permit. */
    urgent: Type.Integer({ minimum: 0, maximum: permitLimits.permits }),
    refreshes: Type.Integer({ minimum: 0, maximum: permitLimits.permits }),
    /** Ids of the permits that are in use or still to be used. */
    held: Type.Array(Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }), { maxItems: permitLimits.held }),
    /** What the issuer has done, in order; the source distinguishes the requests. */
    results: Type.Array(
      Type.Object({ source: Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' }), isOk: Type.Boolean() }, closed),
      { maxItems: permitLimits.results },
    ),
    /** Message of the last failure, and how long the issuer asked to wait. */
    error: Type.Optional(Type.String({ maxLength: permitLimits.error })),
    retryAfterMs: Type.Optional(Type.Integer({ minimum: 0, maximum: permitLimits.retryAfterMs })),
  },
  closed,
);
export type PermitRequest = Static<typeof PermitRequestSchema>;

/** The limits with which a signer continues while it does not reach the controller. */
const LimitsSchema = Type.Object({
  ratePerSecond: Type.Number({ minimum: 0 }),
  burst: Type.Integer({ minimum: 1 }),
  maxInFlight: Type.Integer({ minimum: 1 }),
});

export const PermitAnswerSchema = Type.Object({
  permits: Type.Array(
    Type.Object({
      id: Type.String({ maxLength: 64 }),
      /** Whether it is for a pod that starts. */
      isUrgent: Type.Boolean(),
      /** Milliseconds until its start. */
      inMs: Type.Number({ minimum: 0 }),
    }),
    { maxItems: 2 * permitLimits.permits },
  ),
  /** When the next request is useful, if the demand does not grow, in milliseconds. */
  askAgainInMs: Type.Number({ minimum: 0 }),
  /** How long a permit counts, from its start, in milliseconds. */
  answerTimeoutMs: Type.Number({ minimum: 0 }),
  limits: LimitsSchema,
});
export type PermitAnswer = Static<typeof PermitAnswerSchema>;
