import { componentNames, type ComponentName, type ManagedComponent } from './types.ts';

/** Something was asked of a cluster that it cannot do; tests avoid it by its capabilities. */
export class UnavailableError extends Error {
  constructor(what: string, reason: string) {
    super(`${what} is not available: ${reason}`);
    this.name = 'UnavailableError';
  }
}

/** Stands for a component that this cluster does not have, or not under our control. */
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

/** All components of a cluster: those given, and for the others one that says why it is not there. */
export function withUnavailable(
  components: Partial<Record<ComponentName, ManagedComponent>>,
  reason: string,
): Record<ComponentName, ManagedComponent> {
  const entries = componentNames.map((name) => [
    name,
    components[name] ?? unavailableComponent(name, reason === '' ? 'it was left out' : reason),
  ]);
  return Object.fromEntries(entries) as Record<ComponentName, ManagedComponent>;
}
