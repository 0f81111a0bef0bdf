import type { onRequestHookHandler } from 'fastify';
import helmet from 'helmet';

/**
 * Adds the security headers of the page. The content policy allows only the page's own files, without inline scripts or
 * styles. Used without `@fastify/helmet`, which parses the policy again for each request: an eighth of the CPU of an open page.
 */
export function securityHeaders(isSecure: boolean): onRequestHookHandler {
  const addHeaders = helmet({
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
    // HSTS is only valid over TLS.
    strictTransportSecurity: isSecure && { maxAge: 31_536_000 },
    crossOriginEmbedderPolicy: false,
  });
  return (request, reply, done) => {
    addHeaders(request.raw, reply.raw, (error) => done(error as Error | undefined));
  };
}
