// Key derivation at once instead of on libuv's threads: nothing in the simulation waits for real time, and a thread's end is
// not part of a seed. Must be imported before the agent's code, which keeps the function that it finds at its import.
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

type Pbkdf2 = typeof crypto.pbkdf2;

// eslint-disable-next-line max-params -- Node's own signature
const pbkdf2: Pbkdf2 = (password, salt, iterations, keyLength, digest, callback) => {
  const key = crypto.pbkdf2Sync(password, salt, iterations, keyLength, digest);
  queueMicrotask(() => callback(null, key));
};

Object.assign(crypto, { pbkdf2 });
syncBuiltinESMExports();
