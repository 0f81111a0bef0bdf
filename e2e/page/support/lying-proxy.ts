import { createServer, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Random } from '../../support/random.ts';

/** What happens to a response or an event. */
type Fate = 'pass' | 'hold' | 'drop' | 'refuse' | 'replay' | 'cut';

/** How a network behaves: the fates are drawn from the list. */
export interface Mood {
  readonly responses: readonly Fate[];
  readonly events: readonly ('pass' | 'hold' | 'drop' | 'double')[];
}

export const calm: Mood = { responses: ['pass'], events: ['pass'] };
/** Delays, reorders, loses, repeats and damages. */
export const flaky: Mood = {
  responses: ['pass', 'pass', 'pass', 'hold', 'hold', 'drop', 'refuse', 'replay', 'cut'],
  events: ['pass', 'hold', 'drop', 'double'],
};
/** Connections stay open, and nothing arrives. */
export const dead: Mood = { responses: ['hold'], events: ['drop'] };

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** A proxy in front of the API that loses, delays, reorders, repeats and damages responses and server-sent events. */
export class LyingProxy implements AsyncDisposable {
  mood: Mood = calm;
  readonly #random: Random;
  readonly #target: string;
  readonly #server: Server;
  /** Deliveries that wait, in the order of their arrival. */
  readonly #held: (() => void)[] = [];
  readonly #lastByPath = new Map<string, Answer>();
  readonly #streams = new Set<ServerResponse>();
  /** Responses that were not delivered as they came. */
  lies = 0;
  /** Requests to change something that the controller has answered, or that have failed. */
  answeredChanges = 0;
  #pending = 0;

  private constructor(target: string, random: Random) {
    this.#target = target;
    this.#random = random;
    this.#server = createServer((incoming, outgoing) => this.#forward(incoming, outgoing));
  }

  static async start(target: string, random: Random): Promise<LyingProxy> {
    const proxy = new LyingProxy(target, random);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Requests that the controller has not answered yet; held responses are not among them. */
  get pending(): number {
    return this.#pending;
  }

  /** Delivers what is held, in random order. */
  release(): void {
    while (this.#held.length > 0) {
      const at = Math.floor(this.#random.next() * this.#held.length);
      this.#held.splice(at, 1)[0]?.();
    }
  }

  /** Ends all event streams, as a proxy does that restarts. */
  breakStreams(): void {
    for (const stream of this.#streams) stream.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { url = '/', method = 'GET', headers } = incoming;
    this.#pending += 1;
    let isAnswered = false;
    const answered = (): void => {
      if (isAnswered) return;
      isAnswered = true;
      this.#pending -= 1;
      if (method !== 'GET') this.answeredChanges += 1;
    };
    const target = new URL(url, this.#target);
    const upstream = request(target, { method, headers: { ...headers, host: target.host } }, (answer) => {
      if (answer.headers['content-type']?.startsWith('text/event-stream') === true) {
        answered();
        this.#relayEvents(answer, outgoing);
        return;
      }
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        answered();
        const { statusCode: status = 502 } = answer;
        this.#deliver(incoming, outgoing, { status, headers: answer.headers, body: Buffer.concat(chunks) });
      });
    });
    upstream.on('error', () => {
      answered();
      outgoing.destroy();
    });
    outgoing.on('close', () => {
      // The page has given up; the request may be under way all the same.
      if (!outgoing.writableFinished && method === 'GET') upstream.destroy();
      answered();
    });
    incoming.pipe(upstream);
  }

  #deliver({ url = '', method = '' }: IncomingMessage, outgoing: ServerResponse, answer: Answer): void {
    const path = `${method} ${url}`;
    const earlier = this.#lastByPath.get(path);
    this.#lastByPath.set(path, answer);
    const send = ({ status, headers, body }: Answer): void => void outgoing.writeHead(status, headers).end(body);
    const fate = url.startsWith('/api/') ? this.#random.pick(this.mood.responses) : 'pass';
    if (fate !== 'pass') this.lies += 1;
    const fates: Readonly<Record<Fate, () => void>> = {
      pass: () => send(answer),
      hold: () => void this.#held.push(() => send(answer)),
      drop: () => void outgoing.destroy(),
      refuse: () => send({ status: 503, headers: {}, body: Buffer.from('<h1>no upstream</h1>') }),
      replay: () => send(earlier ?? answer),
      cut: () => {
        outgoing.writeHead(answer.status, answer.headers);
        outgoing.write(answer.body.subarray(0, answer.body.length / 2), () => outgoing.destroy());
      },
    };
    fates[fate]();
  }

  #relayEvents(answer: IncomingMessage, outgoing: ServerResponse): void {
    this.#streams.add(outgoing);
    outgoing.writeHead(200, answer.headers);
    outgoing.flushHeaders();
    outgoing.on('close', () => {
      this.#streams.delete(outgoing);
      answer.destroy();
    });
    answer.on('error', () => outgoing.destroy());
    answer.on('end', () => outgoing.end());
    let text = '';
    answer.setEncoding('utf8');
    answer.on('data', (chunk: string) => {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) this.#relayEvent(`${block}\n\n`, outgoing);
    });
  }

  #relayEvent(event: string, outgoing: ServerResponse): void {
    const send = (): void => {
      if (outgoing.writable) outgoing.write(event);
    };
    const fate = this.#random.pick(this.mood.events);
    if (fate === 'hold') this.#held.push(send);
    if (fate === 'pass' || fate === 'double') send();
    if (fate === 'double') send();
  }
}
