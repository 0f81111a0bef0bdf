// A proxy process with the one address of Redis: new connections go to the current primary and existing ones stay with
// their server, as with a Service.
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** The orders to the proxy. */
export interface FrontOrder {
  /** The port for new connections. */
  readonly upstreamPort: number;
  /** Whether to rewrite a replica's write refusal in a script to the form of Redis 6.2. */
  readonly oldScriptErrors: boolean;
}

let order: FrontOrder = { upstreamPort: 0, oldScriptErrors: false };

const scriptRefusal = /-READONLY [^\r\n]* script: [^\r\n]*\r\n/g;
const oldRefusal =
  "-ERR Error running script (call to f_0123456789abcdef0123456789abcdef01234567): @user_script:9: -READONLY You can't write against a read only replica. \r\n";

function rewriter(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (!order.oldScriptErrors || !chunk.includes('-READONLY')) done(null, chunk);
      else done(null, Buffer.from(chunk.toString('latin1').replaceAll(scriptRefusal, oldRefusal), 'latin1'));
    },
  });
}

function relay(client: Socket): void {
  const upstream = connect(order.upstreamPort, '127.0.0.1');
  for (const socket of [client, upstream]) socket.setNoDelay(true);
  // A connection that ends on one side ends on the other.
  const end = (): void => {
    client.destroy();
    upstream.destroy();
  };
  pipeline(client, upstream).then(end, end);
  pipeline(upstream, rewriter(), client).then(end, end);
}

process.on('message', (message: FrontOrder) => {
  order = message;
  process.send?.('done');
});
process.on('disconnect', () => process.exit(0));
createServer(relay).listen(Number(process.argv[2]), '0.0.0.0', () => process.send?.('listening'));
