import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import fastify from 'fastify';
import { Type } from 'typebox';
import { serializeOnce } from './serialize-once.ts';

interface Answer {
  readonly count: number;
}

describe('serializeOnce', () => {
  const api = fastify();
  after(() => api.close());
  let served: Answer = { count: 1 };
  let isSendFailing = false;
  let reads = 0;
  const send = serializeOnce();
  api.setErrorHandler(async (thrown, _request, reply) => {
    await reply.code(500).send({ code: 'internal', message: String(thrown) });
  });
  api.addHook('onSend', (_request, reply, payload, done) => {
    if (isSendFailing && reply.statusCode === 200) done(new Error('not sent'));
    else done(null, payload);
  });
  const schema = { response: { 200: Type.Object({ count: Type.Integer() }) } };
  api.get('/', { schema }, (_request, reply) => send(reply, served));
  const ask = async (): Promise<readonly [number, string | undefined, unknown]> => {
    const { statusCode, headers, payload } = await api.inject('/');
    return [statusCode, headers['content-type'], JSON.parse(payload)];
  };
  const json = 'application/json; charset=utf-8';

  test('reads an answer once, however often it is sent', async () => {
    served = {
      get count() {
        reads += 1;
        return 7;
      },
    };
    for (let n = 0; n < 3; n += 1) assert.deepEqual(await ask(), [200, json, { count: 7 }]);
    assert.equal(reads, 1);
    served = { count: 8 };
    assert.deepEqual(await ask(), [200, json, { count: 8 }]);
  });

  test('sends the error, not the answer, when an answer that was sent before cannot be sent', async () => {
    assert.equal((await ask())[0], 200);
    isSendFailing = true;
    assert.deepEqual(await ask(), [500, json, { code: 'internal', message: 'Error: not sent' }]);
    isSendFailing = false;
  });

  test('sends an error with its code when the answer does not match the schema', async () => {
    served = { count: 'many' } as unknown as Answer;
    for (let n = 0; n < 2; n += 1) {
      const [status, type, body] = await ask();
      assert.deepEqual([status, type, (body as { code: string }).code], [500, json, 'internal']);
    }
  });
});
