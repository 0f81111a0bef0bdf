import type { FastifyReply } from 'fastify';

/** Returns the answer, which `reply` then sends as JSON. */
export type Serialized<Answer extends object> = (reply: FastifyReply, answer: Answer) => Answer;

/**
 * For answers that are cached and polled by every open page: each is serialized by its route's schema once, not for each
 * request. The answer must not change afterwards.
 */
export function serializeOnce<Answer extends object>(): Serialized<Answer> {
  const texts = new WeakMap<Answer, string>();
  return (reply, answer) => {
    const serialize = (): string => {
      const known = texts.get(answer);
      if (known !== undefined) return known;
      const text = String(reply.serializeInput(answer as Record<string, unknown>, '200'));
      texts.set(answer, text);
      return text;
    };
    // Fastify sets no content type beside a serializer of the reply.
    void reply.type('application/json; charset=utf-8').serializer(serialize);
    return answer;
  };
}
