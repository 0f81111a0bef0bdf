import { appliesTo } from './disruption-budget.ts';
import type { DisruptionBudget } from './disruption-budget.ts';
import { inProgress, podLabels, rolloutState } from './workload.ts';
import type { Workload, WorkloadRef } from './workload.ts';

interface SharedBudgets {
  readonly budgets: readonly DisruptionBudget[];
  /** Labels of the pods that are to be rolled. */
  readonly labels: Readonly<Record<string, string>>;
  /** Other workloads of the namespace that may be in a rollout. */
  readonly others: readonly WorkloadRef[];
  /** Reads a workload; undefined if it is gone. */
  readonly read: (workload: WorkloadRef) => Promise<Workload | undefined>;
}

/**
 * Why a rollout must wait for another one that uses the same budget. Between two steps of a rollout, when its last pod is
 * ready and the next one still runs, the budget allows disruptions that this rollout is about to use.
 * @throws the error of `read`
 */
export async function sharedBudgetProblem({
  budgets,
  labels,
  others,
  read,
}: SharedBudgets): Promise<string | undefined> {
  const own = budgets.filter((budget) => appliesTo(budget, labels));
  if (own.length === 0) return undefined;
  for (const other of others) {
    const workload = await read(other);
    if (workload === undefined) continue;
    const shared = own.find((budget) => appliesTo(budget, podLabels(workload)));
    if (shared === undefined || rolloutState(other.kind, workload) !== inProgress) continue;
    const budget = `PodDisruptionBudget ${shared.metadata?.name ?? ''}`;
    return `the rollout of ${other.kind} ${other.name}, which the same ${budget} applies to, is in progress`;
  }
  return undefined;
}
