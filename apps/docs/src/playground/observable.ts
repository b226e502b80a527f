/** A value that changes, and those who want to know. */
export interface Observable<T> {
  get(): T;
  /** @returns what ends the subscription. */
  subscribe(listener: (value: T) => void): () => void;
}

/** Its owner's side. States are replaced, never changed in place. */
export interface Source<T> extends Observable<T> {
  set(value: T): void;
  patch(part: Partial<T>): void;
}

export function observable<T>(first: T): Source<T> {
  let value = first;
  const listeners = new Set<(value: T) => void>();
  const set = (next: T): void => {
    value = next;
    for (const listener of listeners) listener(value);
  };
  return {
    get: () => value,
    set,
    patch: (part) => set({ ...value, ...part }),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
