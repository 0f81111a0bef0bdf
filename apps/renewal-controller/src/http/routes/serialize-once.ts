import type { FastifyReply } from 'fastify';

/**
 * For answers that are cached and polled by every open page: each is serialized by its route's schema once, not for each
 * request. The answer must not change afterwards.
 * @returns a function that sends an answer as JSON; it throws if the answer does not match the schema
 */
export function serializeOnce(): (reply: FastifyReply, answer: object) => FastifyReply {
  const texts = new WeakMap<object, string>();
  return (reply, answer) => {
    let text = texts.get(answer);
    if (text === undefined) {
      text = String(reply.serializeInput(answer as Record<string, unknown>, '200'));
      texts.set(answer, text);
    }
    // Fastify sends a string of this type as it is.
    return reply.type('application/json; charset=utf-8').send(text);
  };
}
