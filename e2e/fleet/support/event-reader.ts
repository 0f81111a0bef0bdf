/** An event in the form of a browser's EventSource. */
export interface ServerEvent {
  readonly type: string;
  readonly id: string;
  readonly data: string;
}

const limitMs = 15_000;

/** Reads server-sent events from a real connection. */
export class EventReader {
  /** Resolves when the stream has ended. */
  readonly ended: Promise<void>;
  readonly #abort: AbortController;
  readonly #events: ServerEvent[] = [];
  #wake: () => void = () => undefined;

  private constructor(response: Response, abort: AbortController) {
    this.#abort = abort;
    this.ended = this.#read(response).catch(() => undefined);
  }

  static async open(url: string, lastId?: string, headers: Record<string, string> = {}): Promise<EventReader> {
    const abort = new AbortController();
    const resumed: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId };
    const response = await fetch(url, { signal: abort.signal, headers: { ...headers, ...resumed } });
    if (response.status !== 200) throw new Error(`expected a stream of events, found status ${response.status}`);
    return new EventReader(response, abort);
  }

  /** The next matching event; earlier ones are dropped. */
  async next(isWanted: (event: ServerEvent) => boolean): Promise<ServerEvent> {
    const endMs = Date.now() + limitMs;
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined && isWanted(event)) return event;
      if (event !== undefined) continue;
      if (Date.now() > endMs) throw new Error(`no event within ${limitMs} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, limitMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): void {
    this.#abort.abort();
  }

  async #read(response: Response): Promise<void> {
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) this.#take(block);
      this.#wake();
    }
  }

  #take(block: string): void {
    const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]));
    const type = fields.get('event');
    if (type !== undefined) this.#events.push({ type, id: fields.get('id') ?? '', data: fields.get('data') ?? '' });
  }
}
