import type { ObjectMeta } from '@certfleet/shared/kube/api-resource.ts';

/** metav1.LabelSelector. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** The fields of a PodDisruptionBudget that a rollout depends on. */
export interface DisruptionBudget {
  readonly metadata?: ObjectMeta;
  /** Without a selector, it applies to no pod; an empty one applies to all. */
  readonly spec?: { readonly selector?: LabelSelector | null };
  readonly status?: { readonly observedGeneration?: number; readonly disruptionsAllowed?: number };
}

type Labels = Readonly<Record<string, string>>;

/** Why the budgets of a namespace do not allow that so many pods with these labels are down at once. */
export function budgetProblem(
  budgets: readonly DisruptionBudget[],
  labels: Labels,
  maxUnavailable: number,
): string | undefined {
  if (maxUnavailable === 0) return undefined;
  const problems = budgets
    .filter((budget) => appliesTo(budget, labels))
    .map((budget) => problemOf(budget, maxUnavailable));
  return problems.find((problem) => problem !== undefined);
}

/** Whether a budget applies to pods with these labels. */
export function appliesTo({ spec }: DisruptionBudget, labels: Labels): boolean {
  const selector = spec?.selector;
  return selector !== undefined && selector !== null && selects(selector, labels);
}

function problemOf({ metadata = {}, status = {} }: DisruptionBudget, maxUnavailable: number): string | undefined {
  const name = `PodDisruptionBudget ${metadata.name ?? ''}`;
  const { observedGeneration = 0, disruptionsAllowed = 0 } = status;
  if (observedGeneration < (metadata.generation ?? 0)) return `${name} has no current status`;
  if (disruptionsAllowed >= maxUnavailable) return undefined;
  return `${name} allows ${disruptionsAllowed} disruptions, and the update strategy takes down up to ${maxUnavailable} pods at once`;
}

/** Whether a selector matches labels. An operator that is not known matches, so that a budget is never overlooked. */
export function selects({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean {
  const hasLabels = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return hasLabels && matchExpressions.every((expression) => meets(expression, labels));
}

function meets(
  { key, operator, values = [] }: NonNullable<LabelSelector['matchExpressions']>[number],
  labels: Labels,
): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return true;
  }
}
