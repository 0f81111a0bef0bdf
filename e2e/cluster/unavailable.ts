import { componentNames, type ComponentName, type ManagedComponent } from './types.ts';

/** The cluster does not support the operation; tests check its capabilities first. */
export class UnavailableError extends Error {
  constructor(what: string, reason: string) {
    super(`${what} is not available: ${reason}`);
    this.name = 'UnavailableError';
  }
}

/** A placeholder for a component that this cluster does not have or does not control. */
function unavailableComponent(name: string, reason: string): ManagedComponent {
  const refuse = (): Promise<never> => Promise.reject(new UnavailableError(name, reason));
  return {
    name,
    running: false,
    pid: null,
    get logFile(): string {
      throw new UnavailableError(`the log of ${name}`, reason);
    },
    start: refuse,
    stop: refuse,
    kill: refuse,
    restart: refuse,
    signal: () => {
      throw new UnavailableError(name, reason);
    },
  };
}

/** All components of a cluster: the given ones, and placeholders with a reason for the others. */
export function withUnavailable(
  components: Partial<Record<ComponentName, ManagedComponent>>,
  reason: string,
): Record<ComponentName, ManagedComponent> {
  const entries = componentNames.map((name) => [
    name,
    components[name] ?? unavailableComponent(name, reason === '' ? 'it was omitted' : reason),
  ]);
  return Object.fromEntries(entries) as Record<ComponentName, ManagedComponent>;
}
