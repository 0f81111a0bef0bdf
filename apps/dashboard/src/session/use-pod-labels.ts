import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';

/** The keys of the labels of pods that agents report. */
export function usePodLabels(): readonly string[] {
  const { session } = useServices();
  const state = useStore(session.state);
  return state.name === 'signed-in' ? (state.session.podLabels ?? []) : [];
}
