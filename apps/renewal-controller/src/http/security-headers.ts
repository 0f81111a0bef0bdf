import type { FastifyHelmetOptions } from '@fastify/helmet';

/** What browsers are told of the page: its own files and nothing else, no script or style within the document. */
export function contentPolicy(isSecure: boolean): FastifyHelmetOptions {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        manifestSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' },
    xFrameOptions: { action: 'deny' },
    // Only what came over TLS may ask for TLS from then on.
    strictTransportSecurity: isSecure && { maxAge: 31_536_000 },
    crossOriginEmbedderPolicy: false,
  };
}
