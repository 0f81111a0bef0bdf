/** An object as stored by the API server. */
export interface ApiObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    resourceVersion: string;
    creationTimestamp: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string }[];
  };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
}

/** A change, as reported by a watch. */
export interface ApiChange {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly plural: string;
  /** JSON of the object at that time. */
  readonly json: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** How many changes a watch can resume from. */
const maxHistory = 2000;

/** The objects of a cluster, their versions, and the history for watches. */
export class ApiObjects {
  readonly #objects = new Map<string, ApiObject>();
  #history: ApiChange[] = [];
  #version = 1;
  #uids = 0;
  /** Called after every change. */
  onChange: ((change: ApiChange, object: ApiObject) => void) | undefined;

  get version(): number {
    return this.#version;
  }

  /** The changes after a version; undefined when they are no longer stored. */
  since(version: number): readonly ApiChange[] | undefined {
    if (version >= this.#version) return [];
    const [first] = this.#history;
    if (first === undefined || first.version > version + 1) return undefined;
    return this.#history.slice(version + 1 - first.version);
  }

  /** Deletes the history, like etcd's compaction. */
  compact(): void {
    this.#history = [];
    // A version that nobody has seen: clients with an older one must list again.
    this.#version += 1;
  }

  get(plural: string, namespace: string, name: string): ApiObject | undefined {
    return this.#objects.get(`${plural}/${namespace}/${name}`);
  }

  *list(plural: string): Iterable<ApiObject> {
    for (const [key, object] of this.#objects) if (key.startsWith(`${plural}/`)) yield object;
  }

  create(plural: string, object: ApiObject, nowMs: number): ApiObject {
    const { metadata } = object;
    // Pods keep the UID that the kubelet knows.
    if (object.kind !== 'Pod') metadata.uid = `uid-${++this.#uids}`;
    metadata.creationTimestamp = new Date(nowMs).toISOString();
    this.#objects.set(`${plural}/${metadata.namespace}/${metadata.name}`, object);
    this.#changed('ADDED', plural, object);
    return object;
  }

  update(plural: string, object: ApiObject, change: (object: ApiObject) => void): void {
    const { namespace, name, uid } = object.metadata;
    if (this.get(plural, namespace, name)?.metadata.uid !== uid) return;
    change(object);
    this.#changed('MODIFIED', plural, object);
  }

  delete(plural: string, object: ApiObject): void {
    const key = `${plural}/${object.metadata.namespace}/${object.metadata.name}`;
    if (this.#objects.get(key)?.metadata.uid !== object.metadata.uid) return;
    this.#objects.delete(key);
    this.#changed('DELETED', plural, object);
  }

  #changed(type: ApiChange['type'], plural: string, object: ApiObject): void {
    object.metadata.resourceVersion = String(++this.#version);
    const change: ApiChange = {
      version: this.#version,
      type,
      plural,
      json: JSON.stringify(object),
      labels: object.metadata.labels ?? {},
    };
    this.#history.push(change);
    if (this.#history.length > 2 * maxHistory) this.#history = this.#history.slice(-maxHistory);
    this.onChange?.(change, object);
  }
}

/** Whether labels match `key=value`; an empty selector matches all. */
export function matches(labels: Readonly<Record<string, string>> | undefined, selector: string | null): boolean {
  if (selector === null || selector === '') return true;
  return selector.split(',').every((term) => {
    const [key = '', value = ''] = term.split('=');
    return labels?.[key] === value;
  });
}
