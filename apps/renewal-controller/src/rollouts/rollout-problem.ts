import { budgetProblem } from './disruption-budget.ts';
import type { RolloutApi } from './rollout-api.ts';
import { sharedBudgetProblem } from './shared-budgets.ts';
import { podLabels, rolloutState } from './workload.ts';
import type { Workload, WorkloadRef } from './workload.ts';

interface Considered {
  readonly workload: WorkloadRef;
  readonly current: Workload;
  /** Other workloads of the namespace that may be in a rollout. */
  readonly others: readonly WorkloadRef[];
}

/**
 * Why a workload must not be rolled now: its own state, a PodDisruptionBudget, or another rollout with the same budget.
 * @throws CertfleetError as KubeClient.request does
 */
export async function rolloutProblem(
  api: Pick<RolloutApi, 'budgets' | 'workload'>,
  { workload: { kind, namespace }, current, others }: Considered,
): Promise<string | undefined> {
  const state = rolloutState(kind, current);
  if ('blocked' in state) return state.blocked;
  // Its own strategy keeps every pod available.
  if (state.maxUnavailable === 0) return undefined;
  const budgets = await api.budgets(namespace);
  const labels = podLabels(current);
  const problem = budgetProblem(budgets, labels, state.maxUnavailable);
  return problem ?? (await sharedBudgetProblem({ budgets, labels, others, read: (ref) => api.workload(ref) }));
}
