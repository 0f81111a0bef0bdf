/** What happens to an object of operators, as a Kubernetes Event on it. */
export interface IntentEvent {
  readonly type: 'Normal' | 'Warning';
  /** In CamelCase. */
  readonly reason: string;
  readonly message: string;
}
