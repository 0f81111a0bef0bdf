/** The part of an object's metadata that the controller uses. */
export interface IntentMeta {
  readonly name: string;
  readonly uid: string;
  /** Changes with every write; a decimal number. */
  readonly resourceVersion: string;
  /** Increases with every change of the spec. */
  readonly generation: number;
  /** RFC 3339. */
  readonly creationTimestamp: string;
  /** Set while finalizers delay the removal of a deleted object. */
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A condition, as Kubernetes defines it (metav1.Condition). */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  /** RFC 3339. */
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

/** An object of the group certfleet.io: what operators want (spec), and what the controller found (status). */
export interface IntentObject<Spec = unknown, Status = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: IntentMeta;
  readonly spec: Spec;
  readonly status?: Status;
}

/** The object that another one belongs to: Kubernetes deletes both. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: boolean;
}

/** An object to create. */
export interface NewIntent<Spec> {
  /** A DNS-1123 subdomain. */
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Without Kubernetes, objects are not deleted with their owner. */
  readonly owner?: OwnerReference;
  readonly spec: Spec;
}
