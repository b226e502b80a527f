import { onScopeDispose, shallowRef, type ShallowRef } from 'vue';
import type { Observable } from '../../../src/playground/observable.js';

/** The bridge from the playground's state, which knows no framework, to Vue. */
export function useObservable<T>(source: Observable<T>): Readonly<ShallowRef<T>> {
  const value = shallowRef(source.get()) as ShallowRef<T>;
  onScopeDispose(source.subscribe((next) => (value.value = next)));
  return value;
}
