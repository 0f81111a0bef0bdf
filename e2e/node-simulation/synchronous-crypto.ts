// Synchronous key derivation instead of libuv's threads: nothing in the simulation waits for real time, and the end of
// a thread would not depend on the seed. Must be imported before the agent's code, which binds the function at its
// import.
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
